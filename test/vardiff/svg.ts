/** A mapping of values to pixels, with the marks of its axis. */
export interface Scale {
  at(value: number): number;
  readonly marks: readonly { readonly value: number; readonly label: string }[];
}

/** A rectangle of pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Mark {
  readonly value: number;
  readonly label: string;
}

/** Equal distances for equal ratios. */
export function logScale(
  from: number,
  to: number,
  start: number,
  end: number,
  marks: readonly Mark[],
): Scale {
  const span = Math.log(to / from);
  return {
    at: (value) => start + ((end - start) * Math.log(Math.min(Math.max(value, from), to) / from)) / span,
    marks,
  };
}

/** Equal distances for equal differences, from 0. */
export function linearScale(to: number, start: number, end: number, marks: readonly Mark[]): Scale {
  return { at: (value) => start + ((end - start) * Math.min(value, to)) / to, marks };
}

/** Middle tones that stand out on a white page and on a black one. */
export const colours = ["#2f81d6", "#d97a1e", "#8f63d9", "#1f9d78"] as const;

/**
 * The document. Text and lines are grey, a lighter one where the reader prefers dark pages; nothing is painted behind them.
 *
 * @param title what a screen reader says
 */
export function document(width: number, height: number, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    "<style>",
    'text{font-family:ui-sans-serif,system-ui,"Segoe UI","DejaVu Sans",Helvetica,Arial,sans-serif;font-size:13px;fill:#6b7480}',
    ".strong{font-weight:600;font-size:14px}",
    ".grid{stroke:#8a929c;stroke-opacity:.28;stroke-width:1}",
    ".axis{stroke:#8a929c;stroke-width:1;fill:none}",
    ".target{fill:#8a929c;fill-opacity:.16}",
    "@media (prefers-color-scheme:dark){text{fill:#a3adb8}}",
    "</style>",
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

/** Grid lines, marks and names of both axes. */
export function axes(box: Box, x: Scale, y: Scale, names: { x: string; y: string }): string {
  const { left, top, width, height } = box;
  const bottom = top + height;
  return [
    ...x.marks.flatMap(({ value, label }) => [
      line(x.at(value), top, x.at(value), bottom, "grid"),
      text(x.at(value), bottom + 18, label, "middle"),
    ]),
    ...y.marks.flatMap(({ value, label }) => [
      line(left, y.at(value), left + width, y.at(value), "grid"),
      text(left - 8, y.at(value) + 4.5, label, "end"),
    ]),
    `<path class="axis" d="M${left} ${top}V${bottom}H${left + width}"/>`,
    text(left + width / 2, bottom + 40, names.x, "middle"),
    `<text transform="translate(${left - 58} ${top + height / 2}) rotate(-90)" text-anchor="middle">${escaped(names.y)}</text>`,
  ].join("\n");
}

export function text(x: number, y: number, content: string, anchor = "start", kind = ""): string {
  const attribute = kind === "" ? "" : ` class="${kind}"`;
  return `<text${attribute} x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<path class="${kind}" d="M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}"/>`;
}

export type Point = readonly [x: number, y: number];

export function curve(points: readonly Point[], colour: string): string {
  return `<path d="${path(points)}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"/>`;
}

/** The area between two curves over the same x. */
export function band(low: readonly Point[], high: readonly Point[], colour: string): string {
  return `<path d="${path([...low, ...high.toReversed()])}Z" fill="${colour}" fill-opacity=".2"/>`;
}

export function bar(box: Box, colour: string): string {
  const { left, top, width, height } = box;
  return `<rect x="${round(left)}" y="${round(top)}" width="${round(width)}" height="${round(height)}" fill="${colour}"/>`;
}

export function shade({ left, top, width, height }: Box): string {
  return `<rect class="target" x="${round(left)}" y="${round(top)}" width="${round(width)}" height="${round(height)}"/>`;
}

/** Names of colours in a row. */
export function legend(
  x: number,
  y: number,
  entries: readonly (readonly [name: string, colour: string])[],
): string {
  let at = x;
  return entries
    .map(([name, colour]) => {
      const entry = bar({ left: at, top: y - 9, width: 18, height: 9 }, colour) + text(at + 24, y, name);
      at += 24 + name.length * 7.2 + 26;
      return entry;
    })
    .join("\n");
}

function path(points: readonly Point[]): string {
  return points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${round(x)} ${round(y)}`).join("");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
