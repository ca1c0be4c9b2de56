import type { Writable } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { stripVTControlCharacters, styleText } from 'node:util';
import Table from 'cli-table3';
import type { NextStep } from './next-steps.ts';

/** Between two columns. */
const GAP = '  ';
/** A last column is not wrapped to fewer characters than this. */
const WRAP_MIN = 24;

/** What styleText takes. */
export type Style = Parameters<typeof styleText>[0];

/**
 * Where a command writes. In the mode `json` exactly one JSON document goes to stdout, and everything else to stderr;
 * otherwise text for people goes to stdout and notes to stderr.
 */
export class Output {
  readonly json: boolean;
  readonly #color: boolean;
  readonly #stdout: Writable;
  readonly #stderr: Writable;

  constructor(stdout: Writable, stderr: Writable, options: { readonly json: boolean; readonly color: boolean }) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.json = options.json;
    this.#color = options.color;
  }

  /** Columns of the terminal, or undefined where stdout is none: then nothing is cut. */
  get columns(): number | undefined {
    const { isTTY, columns } = this.#stdout as Partial<WriteStream>;
    return isTTY === true ? columns : undefined;
  }

  /** Lines of the terminal, or undefined where stdout is none. */
  get rows(): number | undefined {
    const { isTTY, rows } = this.#stdout as Partial<WriteStream>;
    return isTTY === true ? rows : undefined;
  }

  /** The result: as a document with --json, as text without. @param next goes into the document as `next_steps` where something follows. */
  result(document: object, text: () => string, next: readonly NextStep[] = []): void {
    this.#stdout.write(this.json ? `${JSON.stringify(withSteps(document, next), null, 2)}\n` : `${text()}\n`);
  }

  /** One of several results: with --json a document on one line. */
  line(document: object, text: () => string, next: readonly NextStep[] = []): void {
    this.#stdout.write(this.json ? `${JSON.stringify(withSteps(document, next))}\n` : `${text()}\n`);
  }

  /** Text as it is, without a line's end of its own: for a result that is text in both forms. */
  raw(text: string): void {
    this.#stdout.write(text);
  }

  /**
   * Text as it is, of a result of any length: it waits until the reader of stdout has room for more, so that what is
   * written does not pile up here.
   *
   * @returns false when the reader has gone away: there is no use in more.
   */
  async flow(text: string): Promise<boolean> {
    const stdout = this.#stdout;
    if (!stdout.writable) return false;
    if (stdout.write(text)) return true;
    return new Promise((resolve) => {
      const settle = (open: boolean) => (): void => {
        for (const [event, listener] of listeners) stdout.off(event, listener);
        resolve(open);
      };
      const listeners = [['drain', settle(true)] as const, ['close', settle(false)] as const, ['error', settle(false)] as const];
      for (const [event, listener] of listeners) stdout.on(event, listener);
    });
  }

  /** The stream of results, for who redraws it. */
  get stdout(): Writable {
    return this.#stdout;
  }

  /** Something worth knowing that is not the result. */
  note(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** Colours for stdout, where it is a terminal that wants them (NO_COLOR, FORCE_COLOR and --no-color are obeyed). */
  style(style: Style, text: string): string {
    return this.#color ? styleText(style, text, { stream: this.#stdout, validateStream: true }) : text;
  }

  /** Text of words, broken into lines that fit the terminal. */
  wrap(text: string): string {
    const width = this.columns;
    if (width === undefined) return text;
    const lines: string[] = [];
    for (const word of text.split(' ')) {
      const last = lines.at(-1);
      if (last !== undefined && stripVTControlCharacters(`${last} ${word}`).length <= width) lines[lines.length - 1] = `${last} ${word}`;
      else lines.push(word);
    }
    return lines.join('\n');
  }

  /** A table without lines: columns are enough. In a terminal its last column is wrapped, unless that would leave it too narrow. */
  table(head: readonly string[], rows: readonly (readonly string[])[], right: readonly number[] = []): string {
    const others = head
      .slice(0, -1)
      .reduce((sum, h, i) => sum + GAP.length + Math.max(h.length, ...rows.map((r) => stripVTControlCharacters(r[i] ?? '').length)), 0);
    const room = (this.columns ?? Number.POSITIVE_INFINITY) - others;
    const wrap = room >= WRAP_MIN && rows.some((r) => stripVTControlCharacters(r.at(-1) ?? '').length > room);
    const table = new Table({
      ...(wrap && { colWidths: head.map((_, i) => (i === head.length - 1 ? room : null)), wordWrap: true }),
      head: head.map((h) => this.style('dim', h)),
      chars: {
        top: '',
        'top-mid': '',
        'top-left': '',
        'top-right': '',
        bottom: '',
        'bottom-mid': '',
        'bottom-left': '',
        'bottom-right': '',
        left: '',
        'left-mid': '',
        mid: '',
        'mid-mid': '',
        right: '',
        'right-mid': '',
        middle: GAP,
      },
      style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
      colAligns: head.map((_, i) => (right.includes(i) ? 'right' : 'left')),
    });
    table.push(...rows.map((r) => [...r]));
    return table
      .toString()
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n');
  }
}

const withSteps = (document: object, next: readonly NextStep[]): object => (next.length === 0 ? document : { ...document, next_steps: next });

/** What a terminal would obey (escape sequences, other control characters), made visible: values come from tables that anybody may write. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** 12,345. */
export const count = (n: number): string => n.toLocaleString('en-US');

/** "1 request", "12,345 requests". */
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;
