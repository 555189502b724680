//! How the pages look, besides what all pages of the family share.

/// The style of every page, behind that of the family.
pub const STYLE: &str = r#":root { --width: 62rem; --client: #1f5878; --server: #a3502c; --alarm: #a8201a; --good: #2f6b3a }
@media (prefers-color-scheme: dark) {
  :root { --client: #8fc1dd; --server: #f2b592; --alarm: #ff8f85; --good: #93cf9c }
}
h1 { font-size: clamp(2.4rem, 8vw, 4rem); letter-spacing: -.02em; overflow-wrap: anywhere }
h2 { font-size: 1.5rem; margin-bottom: .9rem }
h3 { font-size: 1.0625rem; color: var(--soft); line-height: 1.4; margin: 1.25rem 0 .5rem }
p, ul { margin: 0 0 1rem }
.lead { font-size: 1.25rem; line-height: 1.5; max-width: 40rem; margin: .8rem 0 1.2rem }
.soft, footer, nav { color: var(--soft); font-size: .9375rem }
main p { max-width: 44rem }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin-bottom: 1.4rem }
section, footer { border-top: 1px solid var(--line); padding: 1.6rem 0 .8rem }
.mark { font-weight: 700 }
.yes { color: var(--good) } .no { color: var(--alarm) } .absent { color: var(--soft) }
.list { list-style: none; padding: 0 }
.list li { display: grid; grid-template-columns: 1.2rem 9.5rem 1fr 10.5rem; gap: 0 .6rem; padding: .2rem 0; align-items: baseline }
.list small { color: var(--soft); text-align: right }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: 0 0 1rem }
dt { color: var(--soft) } dd { margin: 0 }
.scroll { overflow-x: auto; margin-bottom: 1rem }
table { width: 100%; font-size: .9375rem; line-height: 1.4 }
th { border-bottom: 1px solid var(--line) }
th, td { padding: .3rem .7rem .3rem 0; vertical-align: top }
td { border-bottom: 1px solid color-mix(in srgb, var(--line) 55%, transparent) }
td:last-child, th:last-child { padding-right: 0 }
.n { text-align: right; white-space: nowrap } .w { white-space: nowrap }
.c { color: var(--client) } .s { color: var(--server) } .alarm { color: var(--alarm) }
td small { display: block; color: var(--soft); font-size: .8125rem; line-height: 1.45 }
details { margin: 0 0 .7rem; max-width: 44rem }
summary { cursor: pointer }
details p { margin: .4rem 0 1rem 1.1rem }
figure { margin: 0 0 1.2rem }
figcaption { color: var(--soft); font-size: .875rem }
.crop { overflow: hidden }
svg { display: block; width: 100%; height: auto; font: 13px/1 Charter, "Iowan Old Style", P052, Georgia, serif }
svg.plot { max-width: 46rem }
svg text { fill: var(--ink) }
svg .soft { fill: var(--soft) }
svg .life { stroke: var(--line); stroke-width: 2 }
svg .gap { stroke: var(--line); stroke-width: 2; stroke-dasharray: 2 5 }
svg .arrow { stroke-width: 1.5; fill: none }
svg .c { stroke: var(--client) } svg .s { stroke: var(--server) } svg .alarm { stroke: var(--alarm) }
svg .bare { stroke-dasharray: 4 3; opacity: .75 }
svg .head.c { fill: var(--client) } svg .head.s { fill: var(--server) } svg .head.alarm { fill: var(--alarm) }
svg text.c { fill: var(--client); stroke: none } svg text.s { fill: var(--server); stroke: none } svg text.alarm { fill: var(--alarm); stroke: none }
svg .grid { stroke: var(--line); stroke-width: 1 }
svg .leader { stroke: var(--line); stroke-width: 1; fill: none }
.story { font: .8125rem/1.5 ui-monospace, "Cascadia Code", Menlo, Consolas, monospace; overflow-wrap: anywhere; padding: 0; list-style: none }
.story li { display: grid; grid-template-columns: 6.5rem 1fr; gap: .8rem }
.story b { font-weight: 400; color: var(--link) }
.story .t { color: var(--soft); text-align: right }
.story .told { padding-left: 1.5rem }
@media (max-width: 40rem) {
  body { padding-top: 1.6rem }
  .list li { grid-template-columns: 1.2rem 1fr } .list li span:not(.mark), .list small { grid-column: 2; text-align: left }
  .list li { padding: .4rem 0; line-height: 1.4 }
  .crop svg { width: 184% } svg .words { display: none }
  td { display: block; border: 0; padding: 0; overflow-wrap: anywhere }
  tr { border-bottom: 1px solid color-mix(in srgb, var(--line) 55%, transparent); padding: .35rem 0 }
  .rows tr { display: grid; grid-template-columns: 1.4rem 1fr }
  .rows td:first-child { grid-row: 1 / span 3 } .rows td:not(:first-child) { grid-column: 2 }
  td::before, td::after { color: var(--soft) }
  .rows td:nth-child(3)::before { content: "measured: " } .rows td:nth-child(4) { color: var(--soft) }
  .packets tr { display: flex; flex-wrap: wrap; gap: 0 .8rem } .packets td:last-child { flex-basis: 100% }
  .packets td:empty { display: none }
  .packets .seq::before { content: "seq " } .packets .seq + .seq::before { content: "ack " }
  .packets td:nth-child(7)::after { content: " bytes" }
  .files td { display: flex; justify-content: space-between }
  .files td:nth-child(1)::before { content: "bytes of the file" } .files td:nth-child(2)::before { content: "packets C → S" }
  .files td:nth-child(3)::before { content: "packets C ← S" } .files td:nth-child(4)::before { content: "packets" }
  .files td:nth-child(5)::before { content: "seconds" } .files td:nth-child(6)::before { content: "mean payload" }
  .files td:nth-child(7)::before { content: "kernel’s count" }
  tr:first-child { display: none }
  dl { grid-template-columns: 1fr } dd { margin-bottom: .5rem }
  .story li { grid-template-columns: 1fr; gap: 0 } .story .t { text-align: left }
}
@media print {
  :root { --client: #124a70; --server: #8a3d1a; --alarm: #900; --good: #000 }
  body { padding: 0 }
  h1 { font-size: 26pt } .lead { font-size: 12pt }
  nav { display: none }
  section, footer { padding: .8rem 0 .2rem }
  svg.plot { max-width: 32rem }
  tr, details, figure, .story li { break-inside: avoid }
  h2, h3 { break-after: avoid }
  details::details-content { content-visibility: visible; block-size: auto }
  summary { list-style: none; font-style: italic }
  .scroll { overflow: visible }
}
"#;
