//! The style of the page: that of the family, with the looks of the plots.
//!
//! Six looks, each a colour, a kind of line and a marker. The colours are chosen to differ in lightness too,
//! and are others on dark paper; on print they are nearly black, and the dashes tell.

/// How many looks there are: the four drivers, and two peers. A further peer has the last one.
pub const LOOKS: usize = 6;

/// The look of a server; a peer's by its place among the peers.
pub fn look(server: &str, peers: &[&str]) -> usize {
    let drivers = crate::runs::DRIVERS;
    drivers
        .iter()
        .position(|driver| *driver == server)
        .or_else(|| Some(drivers.len() + peers.iter().position(|peer| *peer == server)?))
        .unwrap_or(LOOKS)
        .min(LOOKS - 1)
}

/// The style sheet, behind that of the family.
pub const SHEET: &str = "
:root { --width: 76rem;
  --s0: #a8380f; --s1: #1f5878; --s2: #4f7a1c; --s3: #7a4a94; --s4: #8a6d00; --s5: #0c7c72 }
@media (prefers-color-scheme: dark) {
  :root { --s0: #ff9a6b; --s1: #7fc0ea; --s2: #a9d36b; --s3: #cfa4ea; --s4: #e8c84e; --s5: #5fd6c8 }
}
h1 { font-size: clamp(2.2rem, 7vw, 4rem); letter-spacing: -.02em }
h2 { font-size: 1.6rem; margin-bottom: .6rem }
h3 { font-size: 1rem; color: var(--soft); margin: 0 0 .2rem }
p, ul, table, figure { margin: 0 0 1rem }
p, li { max-width: 46rem }
li { margin-bottom: .35rem }
.lead { font-size: 1.25rem; line-height: 1.5; margin: 1rem 0 1.5rem }
.warning { border-left: 4px solid var(--s0); padding-left: 1rem }
.aside, figcaption, footer, summary { color: var(--soft); font-size: .9375rem }
section, footer { border-top: 1px solid var(--line); padding: 1.75rem 0 .5rem }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem 1.5rem; margin: 0 0 1rem }
.plots figure { margin: 0; max-width: 40rem; min-width: 0 }
svg { display: block; width: 100%; height: auto }
svg text { font-family: inherit; font-size: 14px }
.names { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; padding: 0; margin: 0 0 1.5rem }
.names svg { display: inline-block; width: 3rem; height: 1rem; vertical-align: -.15em; margin-right: .35rem }
.told { columns: 2 26rem; column-gap: 2.5rem; max-width: none }
.told li { break-inside: avoid }
.scroll { overflow-x: auto; margin: .6rem 0 1rem }
table { font-size: .9rem; line-height: 1.35; margin: 0 }
caption { text-align: left; color: var(--soft); padding: .3rem 0 }
th, td { padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: top }
td { text-align: right }
td small { display: block; color: var(--soft); font-size: .8em }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1.5rem; margin: 0 0 1rem }
dt { color: var(--soft) }
dd { margin: 0 }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr } dt { margin-top: .4rem } }
summary { cursor: pointer; margin-bottom: .5rem }
.s.soft { stroke: var(--soft) } .f.soft { fill: var(--soft) }
.s.line { stroke: var(--line) } .f.line { fill: var(--line) }
.f.paper { fill: var(--paper) } .s.paper { stroke: var(--paper) }
.s.series-0, .s.range-0 { stroke: var(--s0) } .f.series-0 { fill: var(--s0) }
.s.series-1, .s.range-1 { stroke: var(--s1) } .f.series-1 { fill: var(--s1) }
.s.series-2, .s.range-2 { stroke: var(--s2) } .f.series-2 { fill: var(--s2) }
.s.series-3, .s.range-3 { stroke: var(--s3) } .f.series-3 { fill: var(--s3) }
.s.series-4, .s.range-4 { stroke: var(--s4) } .f.series-4 { fill: var(--s4) }
.s.series-5, .s.range-5 { stroke: var(--s5) } .f.series-5 { fill: var(--s5) }
polyline.series-1 { stroke-dasharray: 7 4 }
polyline.series-2 { stroke-dasharray: 2 3 }
polyline.series-3 { stroke-dasharray: 9 3 2 3 }
polyline.series-4 { stroke-dasharray: 12 4 }
polyline.series-5 { stroke-dasharray: 4 2 }
@media print {
  :root { --s0: #000; --s1: #222; --s2: #333; --s3: #444; --s4: #555; --s5: #333 }
  .plots { grid-template-columns: 1fr 1fr }
  figure, tr, li { break-inside: avoid }
  h2 { break-after: avoid }
}
";
