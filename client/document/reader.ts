import type { NativeItem, NativeValue } from '../values.ts';
import type { Token } from './tokens.ts';
import { invalid, tokensOf } from './tokens.ts';

/** What an expression's placeholders stand for. */
export interface Placeholders {
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>;
  readonly ExpressionAttributeValues?: NativeItem;
}

/** A path of attributes. */
export type DocumentPath = readonly [string, ...(string | number)[]];

/** Reads an expression from left to right. Each method takes what it names, or throws SynclineError "invalid-expression". */
export class Reader {
  readonly expression: string;
  readonly #tokens: readonly Token[];
  readonly #names: Readonly<Record<string, string>>;
  readonly #values: NativeItem;
  #at = 0;

  constructor(expression: string, placeholders: Placeholders) {
    this.expression = expression;
    this.#tokens = tokensOf(expression);
    this.#names = placeholders.ExpressionAttributeNames ?? {};
    this.#values = placeholders.ExpressionAttributeValues ?? {};
  }

  get done(): boolean {
    return this.#at >= this.#tokens.length;
  }

  fail(why: string): never {
    throw invalid(this.expression, why);
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  /** Whether a word of the language comes next; it is taken. Words are written in any case. */
  word(word: string): boolean {
    const token = this.peek();
    if (token?.is !== 'name' || token.text.toUpperCase() !== word) return false;
    this.#at += 1;
    return true;
  }

  /** Whether a sign comes next; it is taken. */
  sign(sign: string): boolean {
    const token = this.peek();
    if (token?.is !== 'sign' || token.text !== sign) return false;
    this.#at += 1;
    return true;
  }

  expectSign(sign: string): void {
    if (!this.sign(sign)) this.fail(`"${sign}" is expected ${this.#place()}`);
  }

  /** The name of a function, when one comes next with its parenthesis; both are taken. */
  functionName(): string | undefined {
    const [name, parenthesis] = [this.peek(), this.peek(1)];
    if (name?.is !== 'name' || name.text.startsWith('#') || parenthesis?.is !== 'sign' || parenthesis.text !== '(') return undefined;
    this.#at += 2;
    return name.text.toLowerCase();
  }

  isPath(): boolean {
    return this.peek()?.is === 'name';
  }

  path(): DocumentPath {
    const path: [string, ...(string | number)[]] = [this.#name()];
    for (;;) {
      if (this.sign('.')) path.push(this.#name());
      else if (this.sign('[')) {
        const token = this.peek();
        if (token?.is !== 'number') this.fail(`an index is expected ${this.#place()}`);
        this.#at += 1;
        path.push(Number((token as Token).text));
        this.expectSign(']');
      } else return path;
    }
  }

  value(): NativeValue {
    const token = this.peek();
    if (token?.is !== 'value') this.fail(`a value such as ":v" is expected ${this.#place()}`);
    const { text } = token as Token;
    if (!Object.hasOwn(this.#values, text)) this.fail(`ExpressionAttributeValues has no "${text}"`);
    this.#at += 1;
    return this.#values[text];
  }

  /** The end of the expression. */
  end(): void {
    if (!this.done) this.fail(`it should end ${this.#place()}`);
  }

  #name(): string {
    const token = this.peek();
    if (token?.is !== 'name') this.fail(`an attribute is expected ${this.#place()}`);
    const { text } = token as Token;
    this.#at += 1;
    if (!text.startsWith('#')) return text;
    const name = Object.hasOwn(this.#names, text) ? this.#names[text] : undefined;
    return name ?? this.fail(`ExpressionAttributeNames has no "${text}"`);
  }

  #place(): string {
    const token = this.peek();
    return token === undefined ? 'at its end' : `before "${token.text}"`;
  }
}
