import { CodedError } from "@lode/ports";

/** A line above the bound. */
export class LineTooLong extends CodedError<{ code: "line-too-long"; maximum: number }> {}

/**
 * Cuts received bytes into lines. A line ends with `\n`; a `\r` before it, and blanks around the line, are dropped, and so are empty
 * lines. Keeps at most one unfinished line.
 */
export class LineSplitter {
  readonly #maximum: number;
  #rest: Buffer = EMPTY;

  /** @param maximum bytes of a line, without its end */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** Bytes of a line that has not ended yet. */
  get waiting(): number {
    return this.#rest.length;
  }

  /**
   * Takes bytes, which are copied if they are kept, and gives the lines they complete. Bytes that are no UTF-8 become U+FFFD.
   *
   * @throws LineTooLong; the lines before it are lost, as the connection is to be
   */
  push(bytes: Uint8Array): string[] {
    const lines: string[] = [];
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const part = chunk.subarray(start, end);
      this.#check(this.#rest.length + part.length);
      const line = (this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part]))
        .toString("utf8")
        .trim();
      this.#rest = EMPTY;
      if (line !== "") lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#check(this.#rest.length + chunk.length - start);
      this.#rest = Buffer.concat([this.#rest, chunk.subarray(start)]);
    }
    return lines;
  }

  #check(length: number): void {
    if (length > this.#maximum) {
      throw new LineTooLong(
        { code: "line-too-long", maximum: this.#maximum },
        `a line is longer than ${this.#maximum} bytes`,
      );
    }
  }
}

const LINE_FEED = 0x0a;
const EMPTY: Buffer = Buffer.alloc(0);
