// How the page looks: on a screen, by day and by night, narrow and wide, and on paper.

export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fff; --ground: #f4f5f7; --ink: #1b1f24; --faint: #5b6470; --line: #d9dde3;
  --good: #1a7f45; --warn: #9a6400; --bad: #b92d25; --calm: #2b63b8;
  --bar: #3f7fd6; --done: #2f9e5f; --silent: #aab2bd; --idle: #c9b37a; --trouble: #d3483e;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #1a1d22; --ground: #101216; --ink: #e7eaee; --faint: #9aa4b1; --line: #333941;
    --good: #58c98a; --warn: #e0ad4a; --bad: #f0756b; --calm: #7fb0f5;
    --bar: #5b95e6; --done: #3fae70; --silent: #59616c; --idle: #8d7a45; --trouble: #e0645a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
section, header { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 1.1rem 1.25rem; margin: 0 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .75rem; }
p { margin: .4rem 0; overflow-wrap: anywhere; }
a { color: var(--calm); }
code { font: .87em/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
.faint, small { color: var(--faint); font-size: .87rem; }
.badge { display: inline-block; border: 1px solid; border-radius: 99px; padding: .05rem .65rem; font-weight: 600; font-size: .9rem; white-space: nowrap; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); } .calm { color: var(--calm); }
.title { display: flex; flex-wrap: wrap; gap: .6rem .9rem; align-items: center; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1rem 0 0; padding: 0; }
.figures div { border-left: 3px solid var(--line); padding-left: .7rem; }
.figures dt { color: var(--faint); font-size: .82rem; } .figures dd { margin: 0; font-size: 1.15rem; font-weight: 600; }
.asks { border: 1px solid var(--warn); border-radius: 6px; padding: .5rem .8rem; margin-top: .9rem; }
.chart { --label: 15rem; --note: 5.5rem; }
.row { display: grid; grid-template-columns: var(--label) 1fr var(--note); gap: 0 .8rem; align-items: center; break-inside: avoid; }
.row .what { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: .9rem; }
.row .took { text-align: right; color: var(--faint); font-size: .85rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
.row svg { display: block; width: 100%; height: 1.7rem; overflow: visible; }
.row.axis svg { height: 1.5rem; }
.group { font-weight: 600; font-size: .87rem; color: var(--faint); margin: .6rem 0 .1rem; }
svg text { fill: var(--faint); font: 11px system-ui, sans-serif; }
svg .grid { stroke: var(--line); stroke-width: 1; } svg .mark { stroke: var(--calm); stroke-width: 1; stroke-dasharray: 3 3; }
svg .step { fill: var(--bar); } svg .move { fill: var(--done); } svg .silent { fill: var(--silent); }
svg .idle { fill: var(--idle); } svg .trouble { fill: var(--trouble); } svg .open { opacity: .55; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin-top: .6rem; color: var(--faint); font-size: .82rem; }
.key svg { width: .8rem; height: .8rem; vertical-align: -1px; margin-right: .3rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th { text-align: left; color: var(--faint); font-weight: 600; font-size: .82rem; }
th, td { padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
tr { break-inside: avoid; } tbody tr:last-child td { border-bottom: 0; }
td small, .loses { display: block; }
td:first-child code { font-size: .78rem; }
th:last-child { min-width: 11rem; }
th:first-child:nth-last-child(5) { min-width: 10rem; }
td:nth-child(3) { overflow-wrap: break-word; }
td.nowrap { white-space: nowrap; }
footer { color: var(--faint); font-size: .82rem; padding: 0 .3rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  main { padding: .6rem .5rem 2rem; } section, header { padding: .8rem .85rem; }
  .row { grid-template-columns: 1fr auto; } .row svg { grid-column: 1 / -1; grid-row: 2; height: 1rem; margin-bottom: .35rem; }
  .row.axis svg { grid-row: 1; height: 1.4rem; } .row.axis span { display: none; }
  thead { display: none; } table, tbody, tr, td { display: block; }
  tr { border-bottom: 1px solid var(--line); padding: .45rem 0; } td { border: 0; padding: .05rem 0; }
  tbody tr:last-child { border-bottom: 0; }
  td[data-is]:not(:empty)::before { content: attr(data-is) ' '; color: var(--faint); font-size: .82rem; }
}
@page { margin: 14mm; }
@media print {
  :root { color-scheme: light; }
  body { background: #fff; font-size: 10.5pt; } main { max-width: none; padding: 0; }
  section, header { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: .7rem 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h2 { break-after: avoid; }
}
`;
