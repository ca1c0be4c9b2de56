import type { Command } from './parse.ts';

/** Units of a duration in a scenario (ms). */
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A command that cannot be carried out as it is written: says what is wrong, and what is known. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** "250ms", "30s", "3m", "2h", "14d" → ms. @throws UsageError */
export function durationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  if (match === null) throw new UsageError(`"${text}" is not a duration: a number and one of ms, s, m, h, d`);
  return Number(match[1]) * (UNIT_MS[match[2] as string] as number);
}

/**
 * The arguments of one command, taken one by one. Whatever is left when the verb is done is an error, so that a
 * misspelt option cannot make a scenario say nothing.
 */
export class Arguments {
  readonly #words: string[];
  readonly #options: Map<string, string>;

  constructor({ words, options }: Command) {
    this.#words = [...words];
    this.#options = new Map(options);
  }

  /** The next word. @throws UsageError when there is none. */
  word(what: string): string {
    const word = this.#words.shift();
    if (word === undefined) throw new UsageError(`${what} is missing`);
    return word;
  }
  /** The next word, if there is one. */
  optionalWord(): string | undefined {
    return this.#words.shift();
  }
  /** All words that are left. */
  rest(): readonly string[] {
    return this.#words.splice(0);
  }
  /** Whether this word stands among those that are left; it is taken. */
  flag(name: string): boolean {
    const at = this.#words.indexOf(name);
    if (at < 0) return false;
    this.#words.splice(at, 1);
    return true;
  }
  option(name: string): string | undefined {
    const value = this.#options.get(name);
    this.#options.delete(name);
    return value;
  }
  number(name: string): number | undefined {
    const value = this.option(name);
    if (value !== undefined && !/^\d+$/.test(value)) throw new UsageError(`${name}=${value} is not a whole number`);
    return value === undefined ? undefined : Number(value);
  }
  ms(name: string): number | undefined {
    const value = this.option(name);
    return value === undefined ? undefined : durationMs(value);
  }
  /** @throws UsageError when anything was not taken. */
  end(): void {
    const left = [...this.#words, ...[...this.#options].map(([k, v]) => `${k}=${v}`)];
    if (left.length > 0) throw new UsageError(`not understood: ${left.join(' ')}`);
  }
}
