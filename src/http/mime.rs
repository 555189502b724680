//! Media types by file name extension (RFC 9110 section 8.3).
//!
//! A table of our own: the crates for this know over a thousand types, and their tables would be a fifth
//! of the program. A web site needs these. It is one piece of text because a table of references
//! would need a relocation for each, and it is searched once per file, not per request.

/// A type and the extensions it is for, as in the `mime.types` files of other servers.
const TYPES: &str = "
text/html                       html htm
text/css                        css
text/javascript                 js mjs cjs
text/plain                      txt text log conf ini
text/markdown                   md markdown
text/csv                        csv
text/calendar                   ics
text/vcard                      vcf
text/vtt                        vtt
text/xml                        xml xsl xsd
text/yaml                       yaml yml
application/json                json map
application/ld+json             jsonld
application/manifest+json       webmanifest
application/geo+json            geojson
application/toml                toml
application/atom+xml            atom
application/rss+xml             rss
application/xhtml+xml           xhtml xht
application/wasm                wasm
application/pdf                 pdf
application/epub+zip            epub
application/rtf                 rtf
application/zip                 zip
application/gzip                gz tgz
application/zstd                zst
application/x-brotli            br
application/x-bzip2             bz2
application/x-xz                xz
application/x-7z-compressed     7z
application/x-tar               tar
application/vnd.rar             rar
application/java-archive        jar
application/vnd.android.package-archive apk
application/vnd.debian.binary-package deb
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.oasis.opendocument.text odt
application/vnd.oasis.opendocument.spreadsheet ods
application/vnd.oasis.opendocument.presentation odp
application/vnd.apple.mpegurl   m3u8
application/dash+xml            mpd
application/vnd.tcpdump.pcap    pcap
application/sql                 sql
image/jpeg                      jpg jpeg jfif
image/png                       png
image/apng                      apng
image/gif                       gif
image/webp                      webp
image/avif                      avif
image/jxl                       jxl
image/heic                      heic
image/svg+xml                   svg
image/x-icon                    ico cur
image/bmp                       bmp
image/tiff                      tif tiff
audio/mpeg                      mp3
audio/mp4                       m4a
audio/aac                       aac
audio/ogg                       oga ogg opus
audio/flac                      flac
audio/wav                       wav
audio/webm                      weba
audio/midi                      mid midi
video/mp4                       mp4 m4v
video/mpeg                      mpeg mpg
video/webm                      webm
video/ogg                       ogv
video/quicktime                 mov
video/x-matroska                mkv
video/x-msvideo                 avi
video/mp2t                      ts m2ts
video/3gpp                      3gp
font/woff                       woff
font/woff2                      woff2
font/ttf                        ttf
font/otf                        otf
model/gltf-binary               glb
model/gltf+json                 gltf
";

/// The `Content-Type` value for a file of this name. Text says its charset, because a browser left to
/// guess guesses wrong; what isn't known is `application/octet-stream`, which browsers save.
pub fn content_type(name: &[u8]) -> String {
    let kind = extension(name).and_then(find).unwrap_or("application/octet-stream");
    let text = kind.starts_with("text/") || kind == "image/svg+xml";
    if text { format!("{kind}; charset=utf-8") } else { kind.to_owned() }
}

/// What follows the last dot of the last segment, unless the dot begins it.
fn extension(name: &[u8]) -> Option<&str> {
    let base = name.rsplit(|&byte| byte == b'/').next()?;
    let dot = base.iter().rposition(|&byte| byte == b'.').filter(|&dot| dot > 0)?;
    std::str::from_utf8(&base[dot + 1..]).ok()
}

fn find(extension: &str) -> Option<&'static str> {
    TYPES.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let kind = words.next()?;
        words.any(|known| known.eq_ignore_ascii_case(extension)).then_some(kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_types_that_a_site_needs() {
        for (name, expected) in [
            ("/index.html", "text/html; charset=utf-8"),
            ("/a/b/style.CSS", "text/css; charset=utf-8"),
            ("/file.txt", "text/plain; charset=utf-8"),
            ("/app.js", "text/javascript; charset=utf-8"),
            ("/app.mjs", "text/javascript; charset=utf-8"),
            ("/code.wasm", "application/wasm"),
            ("/logo.svg", "image/svg+xml; charset=utf-8"),
            ("/photo.webp", "image/webp"),
            ("/back1.jpg", "image/jpeg"),
            ("/favicon.ico", "image/x-icon"),
            ("/data.json", "application/json"),
            ("/film.mp4", "video/mp4"),
            ("/font.woff2", "font/woff2"),
            ("/archive.tar.gz", "application/gzip"),
            ("/README", "application/octet-stream"),
            ("/some.dir/README", "application/octet-stream"),
            ("/dot.", "application/octet-stream"),
            ("/.well-known/.html", "application/octet-stream"),
            ("/text/html", "application/octet-stream"),
            ("/odd.\u{e9}", "application/octet-stream"),
        ] {
            assert_eq!(content_type(name.as_bytes()), expected, "{name}");
        }
        assert_eq!(content_type(b"/odd.\xff"), "application/octet-stream");
    }

    #[test]
    fn the_table_is_in_order() {
        let mut extensions = HashSet::new();
        for line in TYPES.lines().skip(1) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            assert!(words.len() > 1 && words[0].split('/').count() == 2, "{line}");
            for extension in &words[1..] {
                assert!(extensions.insert(*extension), "{extension} stands twice");
            }
        }
    }
}
