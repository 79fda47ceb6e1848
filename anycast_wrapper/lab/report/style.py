"""How the page looks, by day and by night."""

STYLE = """
:root { --bg: #f6f7f9; --card: #ffffff; --ink: #1b1f24; --soft: #5b6572; --line: #dde2e8;
  --good: #18794e; --bad: #c62a2f; --warn: #946800; --link: #0b5cad;
  --h0: #3b82c4; --h1: #2a9d8f; --h2: #8a63d2; --h3: #c98a1b;
  --h4: #4c6fb1; --h5: #6a994e; --h6: #b56576; --h7: #5f7f95; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #14171b; --card: #1d2127; --ink: #e6e9ed; --soft: #9aa5b1; --line: #333a43;
    --good: #4cc38a; --bad: #ff6369; --warn: #f1a10d; --link: #6cb6ff;
    --h0: #5aa2e0; --h1: #3fbfae; --h2: #a98be8; --h3: #e0a53f;
    --h4: #7d9bd8; --h5: #8fbf71; --h6: #d98a99; --h7: #8aa9be; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { margin: 0; font-size: 2rem; } h2 { margin: 2.5rem 0 .75rem; font-size: 1.35rem; }
h3 { margin: 0 0 .25rem; font-size: 1.1rem; display: flex; gap: .6rem; align-items: center; }
p { margin: .35rem 0; } a { color: var(--link); } .when { color: var(--soft); font-size: .9rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: .75rem 1.25rem; }
.tiles { display: grid; gap: .75rem; margin: 1.25rem 0;
  grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: .75rem 1rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.2; }
.tile span { color: var(--soft); font-size: .85rem; }
.tile.good b { color: var(--good); } .tile.bad b { color: var(--bad); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
.summary { background: var(--card); border: 1px solid var(--line); }
th, td { text-align: left; vertical-align: top; padding: .45rem .7rem;
  border-bottom: 1px solid var(--line); }
th { font-size: .8rem; color: var(--soft); font-weight: 600; white-space: nowrap; }
th:not(:first-child):not(:last-child), .number { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
td small { display: block; color: var(--soft); }
.badge { font-size: .75rem; font-weight: 600; padding: .1rem .55rem; border-radius: 1rem;
  border: 1px solid currentColor; white-space: nowrap; }
.badge.passed { color: var(--good); } .badge.failed { color: var(--bad); }
.badge.skipped { color: var(--warn); }
article { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem 1.25rem; margin: 1rem 0; break-inside: avoid; }
.expected { color: var(--soft); font-size: .9rem; }
.why { color: var(--bad); font-weight: 600; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; margin-top: .5rem; }
svg text { font: 12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--ink); }
svg .tick { fill: var(--soft); text-anchor: middle; font-size: 11px; }
svg .name { text-anchor: end; }
svg .grid { stroke: var(--line); stroke-width: .6; } svg .base { stroke: var(--line); }
svg .fault { stroke: var(--bad); stroke-width: 1.4; }
svg .moment { stroke: var(--soft); stroke-dasharray: 3 3; }
svg .fault-name { fill: var(--bad); font-weight: 600; } svg .moment-name { fill: var(--soft); }
svg .lost { fill: var(--bad); }
svg .h0 { fill: var(--h0); } svg .h1 { fill: var(--h1); } svg .h2 { fill: var(--h2); }
svg .h3 { fill: var(--h3); } svg .h4 { fill: var(--h4); } svg .h5 { fill: var(--h5); }
svg .h6 { fill: var(--h6); } svg .h7 { fill: var(--h7); }
details { margin-top: .5rem; } summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
.events td { font-size: .85rem; padding: .15rem .6rem; overflow-wrap: anywhere; }
"""
