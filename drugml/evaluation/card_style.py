"""Look of a data card: readable in light and dark, and on paper."""

STYLE = """
:root { color-scheme: light dark; --fg: #1d2430; --soft: #5f6b7a; --line: #d8dde4; --bg: #ffffff; --card: #f6f8fa;
  --bar: #5b8fd0; --suspect: #d04848; --censored: #e0a030; --error: #b3261e; --warning: #9a6200; --note: #4a6785; }
@media (prefers-color-scheme: dark) { :root { --fg: #e4e8ee; --soft: #9aa7b5; --line: #3a4350; --bg: #14181e;
  --card: #1d232b; --error: #ff8a80; --warning: #f0b860; --note: #9cc0e6; } }
@media print { :root { --fg: #000; --soft: #444; --line: #bbb; --bg: #fff; --card: #fff; --error: #b3261e;
  --warning: #7a4d00; --note: #2f4a66; color-scheme: light; } section, figure, .finding, .panel { break-inside: avoid; }
  body { font-size: 10pt; } main { max-width: none; padding: 0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--fg); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 24px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; overflow-wrap: anywhere; } h2 { font-size: 19px; margin: 34px 0 10px;
  padding-bottom: 4px; border-bottom: 1px solid var(--line); } h3 { font-size: 15px; margin: 0 0 4px;
  overflow-wrap: anywhere; }
p { margin: 6px 0; max-width: 860px; } small, .soft { color: var(--soft); font-size: 13px; }
.lead { font-size: 17px; } code, .smiles { font-family: ui-monospace, monospace; font-size: 12.5px;
  overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 8px 0; } th, td { padding: 4px 14px 4px 0; text-align: left;
  vertical-align: top; border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
td code { overflow-wrap: anywhere; } th { font-weight: 600; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } td.n { white-space: nowrap; }
th { vertical-align: bottom; }
tr.sum td { font-weight: 600; }
.finding { border-left: 4px solid var(--line); background: var(--card); padding: 8px 14px; margin: 8px 0; }
.finding.error { border-color: var(--error); } .finding.warning { border-color: var(--warning); }
.finding.note { border-color: var(--note); }
.badge { font-size: 12px; font-weight: 700; text-transform: uppercase; letter-spacing: .04em; margin-right: 8px; }
.error .badge { color: var(--error); } .warning .badge { color: var(--warning); } .note .badge { color: var(--note); }
.finding ul { margin: 4px 0; padding-left: 18px; font-size: 13px; color: var(--soft); } .advice { font-size: 14px; }
.share { color: var(--soft); white-space: nowrap; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 14px; }
.panel { background: var(--card); padding: 10px 14px; min-width: 0; }
svg.chart { width: 100%; height: auto; } svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg text.mark { fill: var(--suspect); font-weight: 600; } svg text.number { fill: var(--fg); }
svg .bar { fill: var(--bar); } svg .limit-suspect { fill: var(--suspect); } svg .censored { fill: var(--censored); }
svg .axis { stroke: var(--soft); } svg .cell { fill: var(--bar); } svg.matrix { max-width: 100%; height: auto; }
.balance { height: 14px; background: var(--line); margin: 4px 0; } .balance i { display: block; height: 100%;
  background: var(--suspect); min-width: 1px; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.balance { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; } figure { margin: 0; width: 230px; background: #fff;
  border: 1px solid var(--line); } figcaption { padding: 4px 8px 8px; font-size: 12.5px; color: #333;
  overflow-wrap: anywhere; } .written { height: 160px; padding: 8px; color: #333; overflow: hidden;
  overflow-wrap: anywhere; font: 11px ui-monospace, monospace; }
img { max-width: 100%; display: block; }
"""
