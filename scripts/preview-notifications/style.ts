export const STYLE = `
:root { color-scheme: light dark; --line: rgba(128,128,128,.32); --soft: rgba(128,128,128,.1); --link: #0969da; }
@media (prefers-color-scheme: dark) { :root { --link: #58a6ff; } }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 24px 60px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 6px; }
h2 { font-size: 15px; margin: 30px 0 10px; }
h3 { font-size: 17px; line-height: 1.35; margin: 0 0 8px; overflow-wrap: anywhere; }
a { color: var(--link); }
small { font-size: 12px; opacity: .75; }
.quiet { opacity: .7; }
.crumb { margin: 0 0 14px; font-size: 13px; }
table { border-collapse: collapse; }
th { text-align: left; font-weight: 600; vertical-align: top; }
td { vertical-align: top; overflow-wrap: anywhere; }
table.head { margin: 16px 0; font-size: 14px; }
table.head th { padding: 3px 18px 3px 0; opacity: .7; font-weight: 400; white-space: nowrap; }
.wide { overflow-x: auto; }
table.index { font-size: 13px; margin-top: 18px; }
table.index th, table.index td { border: 1px solid var(--line); padding: 8px 10px; min-width: 128px; }
table.index tr > th:first-child { min-width: 190px; max-width: 230px; }
table.index a.one { display: block; text-decoration: none; margin: 0 0 8px; line-height: 1.35; }
table.index a.one:last-child { margin: 0; }
table.index a.one small { color: CanvasText; }
table.index a.one:hover b { text-decoration: underline; }
iframe { width: 100%; height: 900px; border: 1px solid var(--line); border-radius: 8px; background: Canvas; }
pre { margin: 6px 0; padding: 10px 12px; border: 1px solid var(--line); border-radius: 6px; background: var(--soft);
  font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.chat { max-width: 760px; border: 1px solid var(--line); border-radius: 8px; padding: 14px 18px; overflow-wrap: anywhere; }
.chat p { margin: 0 0 6px; white-space: pre-line; }
.chat ul { margin: 0 0 8px; padding-left: 22px; }
.chat .who { margin-bottom: 8px; }
.slack { border-left: 4px solid #4a154b; }
.slack pre { margin: 4px 0 8px; }
.teams { padding-top: 0; font-size: 14px; }
.teams p { margin: 2px 0; white-space: pre-wrap; }
.teams p.apart { margin-top: 10px; }
.teams .box { margin: 6px 0; padding: 8px 10px; border-radius: 4px; background: var(--soft); }
.teams > .box:first-child { margin: 0 -18px 12px; padding: 12px 18px; border-radius: 8px 8px 0 0; }
.teams .attention { background: rgba(207,34,46,.16); }
.teams .warning { background: rgba(212,149,0,.2); }
.teams .good { background: rgba(26,127,55,.16); }
.teams .bold { font-weight: 600; }
.teams .large { font-size: 18px; line-height: 1.35; }
.teams .mono { font: 12.5px/1.5 ui-monospace, Menlo, Consolas, monospace; }
.button { display: inline-block; margin-top: 12px; padding: 5px 14px; border: 1px solid var(--line); border-radius: 4px; text-decoration: none; }
.pager { border-left: 4px solid #06ac38; }
.pager th { padding: 4px 16px 4px 0; opacity: .7; font-weight: 400; font-size: 13px; white-space: nowrap; }
.pager td { padding: 4px 0; font-size: 14px; }
.pager td ul { margin: 0; }
.pager td pre { max-height: 340px; overflow: auto; margin: 0; }
.pill { display: inline-block; padding: 0 9px; border-radius: 9px; font-size: 12px; line-height: 19px; border: 1px solid var(--line); }
.pill.trigger { background: #cf222e; color: #fff; border-color: #cf222e; }
.pill.resolve { background: #1a7f37; color: #fff; border-color: #1a7f37; }
`;
