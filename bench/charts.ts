/*
 * npm run exec -- bench/charts.ts
 *
 * docs/images/nexmark.svg from docs/performance/nexmark.json, which `npm run bench -- nexmark
 * --json docs/performance/nexmark.json` writes: events per second and core, a group of bars per
 * query, on a logarithmic scale.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

interface Bar {
  readonly query: string;
  readonly contestant: string;
  readonly events: number;
  readonly cpuMs: number;
}

const DOCS = path.join(import.meta.dirname, "../docs");
const COLOURS: Readonly<Record<string, string>> = {
  oxbow: "#2f7d5b",
  loop: "#b9c4cf",
  flink: "#d98b4a",
};
const WIDTH = 760;
const HEIGHT = 300;
const LEFT = 48;
const TOP = 40;
const BOTTOM = 34;
/** Of the scale, M/s. */
const LOWEST = 0.05;
const HIGHEST = 20;

const file = path.join(DOCS, "performance/nexmark.json");
const { results } = JSON.parse(readFileSync(file, "utf8")) as { results: readonly Bar[] };
writeFileSync(path.join(DOCS, "images/nexmark.svg"), chart(results));

function chart(bars: readonly Bar[]): string {
  const queries = [...new Set(bars.map(({ query }) => query))];
  const contestants = Object.keys(COLOURS).filter((name) =>
    bars.some(({ contestant }) => contestant === name),
  );
  const groupWidth = (WIDTH - LEFT) / queries.length;
  const barWidth = (groupWidth * 0.78) / contestants.length;
  const groups = queries.map((query, group) => {
    const x = LEFT + group * groupWidth + groupWidth * 0.11;
    const drawn = contestants.map((contestant, at) => {
      const bar = bars.find((each) => each.query === query && each.contestant === contestant);
      return bar === undefined ? "" : rectangle(bar, x + at * barWidth, barWidth);
    });
    const label = text(x + groupWidth * 0.39, HEIGHT - 12, query, "middle");
    return [...drawn, label].join("\n  ");
  });
  const legend = contestants.map((contestant, at) => {
    const x = LEFT + at * 90;
    const square = `<rect x="${x}" y="10" width="12" height="12" fill="${COLOURS[contestant]}"/>`;
    return `${square}\n  ${text(x + 18, 20, contestant, "start")}`;
  });
  const lines = [0.1, 1, 10].map((value) => {
    const y = yOf(value).toFixed(1);
    const line = `<line x1="${LEFT}" x2="${WIDTH}" y1="${y}" y2="${y}" stroke="#8884"/>`;
    return `${line}\n  ${text(LEFT - 6, yOf(value) + 4, `${value} M`, "end")}`;
  });
  const label = "Nexmark: events per second and core, generator included, logarithmic scale";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
     aria-label="${label}">
  <style>text { font: 12px system-ui, sans-serif; fill: #6b7682; }</style>
  ${[...lines, ...legend, ...groups].join("\n  ")}
</svg>
`;
}

function rectangle({ contestant, events, cpuMs }: Bar, x: number, width: number): string {
  const y = yOf(events / cpuMs / 1000);
  const size = `width="${(width - 1).toFixed(1)}" height="${(HEIGHT - BOTTOM - y).toFixed(1)}"`;
  const place = `x="${x.toFixed(1)}" y="${y.toFixed(1)}"`;
  return `<rect ${place} ${size} fill="${COLOURS[contestant]}"/>`;
}

function text(x: number, y: number, words: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${words}</text>`;
}

/** Height of a value on the logarithmic scale. */
function yOf(millions: number): number {
  const part = Math.log(Math.max(millions, LOWEST) / LOWEST) / Math.log(HIGHEST / LOWEST);
  return HEIGHT - BOTTOM - Math.min(1, part) * (HEIGHT - BOTTOM - TOP);
}
