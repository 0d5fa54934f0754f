/*
 * Screen: a block of lines at the bottom of a terminal that is drawn again in place. Text that is
 * printed meanwhile goes above it and stays.
 *
 * I1. Drawn lines never wrap: they are cut at the terminal's width, so that the block's height is
 *     known.
 */
import { stripVTControlCharacters } from "node:util";

/** What a screen needs of a stream; `process.stderr` has it. */
export interface TerminalStream {
  write(text: string): unknown;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
const CLEAR_BELOW = "\u001B[0J";
const CLEAR_LINE_END = "\u001B[K";
const HIDE_CURSOR = "\u001B[?25l";
const SHOW_CURSOR = "\u001B[?25h";

/** See the file header. */
export class Screen {
  readonly #stream: TerminalStream;
  #drawn: readonly string[] = [];
  #height = 0;

  constructor(stream: TerminalStream) {
    this.#stream = stream;
  }

  /** Draws the block in place of what was drawn before. */
  draw(lines: readonly string[]): void {
    // Some terminals do not know their size and say 0.
    const columns = this.#stream.columns || DEFAULT_COLUMNS;
    const rows = this.#stream.rows || DEFAULT_ROWS;
    this.#drawn = lines;
    const shown = lines.slice(0, Math.max(1, rows - 1)).map((line) => cut(line, columns));
    const text = shown.map((line) => `${line}${CLEAR_LINE_END}\n`).join("");
    this.#stream.write(`${HIDE_CURSOR}${this.#up()}${text}${CLEAR_BELOW}`);
    this.#height = shown.length;
  }

  /** Writes lines that stay, above the block. */
  print(text: string): void {
    const block = this.#drawn;
    this.erase();
    this.#stream.write(`${text}\n`);
    if (block.length > 0) this.draw(block);
  }

  /** Takes the block away, so that others may write whole lines; the next `draw` is below them. */
  erase(): void {
    if (this.#height > 0) this.#stream.write(`${this.#up()}${CLEAR_BELOW}`);
    this.#height = 0;
  }

  /** Leaves the block where it is; what is written from now on comes below. */
  close(): void {
    if (this.#drawn.length > 0) this.#stream.write(SHOW_CURSOR);
    this.#drawn = [];
    this.#height = 0;
  }

  #up(): string {
    return this.#height === 0 ? "" : `\u001B[${this.#height}F`;
  }
}

/** Cuts at the visible width; styles of a line that is cut are dropped. */
function cut(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return plain.length <= columns ? line : `${plain.slice(0, columns - 1)}…`;
}
