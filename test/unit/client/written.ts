import fc from 'fast-check';
import type { NativeItem, NativeValue } from '../../../client/values.ts';
import { unmarshal } from '../../../client/values.ts';
import type { AttributeValue } from '../../../lib/core/attribute.ts';
import type { ItemCondition } from '../../../lib/core/expression/condition.ts';
import type { Path } from '../../../lib/core/values.ts';

/** Conditions and updates as somebody might write them in DynamoDB's expressions, with the names and values that they use. */

/** How it is written: none of it means anything. */
export interface Style {
  readonly lower: boolean;
  readonly space: string;
  readonly aliases: boolean;
  readonly parentheses: boolean;
}

export const style: fc.Arbitrary<Style> = fc.record({
  lower: fc.boolean(),
  space: fc.constantFrom(' ', '  ', '\n\t'),
  aliases: fc.boolean(),
  parentheses: fc.boolean(),
});

/** Writes expressions, and keeps their placeholders. */
export class Writer {
  readonly names: Record<string, string> = {};
  readonly values: Record<string, AttributeValue> = {};
  readonly #style: Style;

  constructor(how: Style) {
    this.#style = how;
  }

  /** The placeholders as the document client takes them. */
  get placeholders(): { readonly ExpressionAttributeNames: Record<string, string>; readonly ExpressionAttributeValues: NativeItem } {
    const values = Object.entries(this.values).map(([name, value]): [string, NativeValue] => [name, unmarshal(value)]);
    return { ExpressionAttributeNames: this.names, ExpressionAttributeValues: Object.fromEntries(values) };
  }

  path(steps: Path): string {
    return steps
      .map((step, i) => {
        if (typeof step === 'number') return `[${step}]`;
        const name = this.#style.aliases ? `#n_${step}` : step;
        if (this.#style.aliases) this.names[name] = step;
        return i === 0 ? name : `.${name}`;
      })
      .join('');
  }

  value(of: AttributeValue): string {
    const name = `:v${Object.keys(this.values).length}`;
    this.values[name] = of;
    return name;
  }

  /** A word of the language. */
  word(text: string): string {
    return this.#style.lower ? text.toLowerCase() : text;
  }

  /** Parts with space between. */
  line(...parts: readonly string[]): string {
    return parts.join(this.#style.space);
  }

  condition(of: ItemCondition): string {
    if ('and' in of) return this.#joined(of.and, 'AND');
    if ('or' in of) return this.#joined(of.or, 'OR');
    if ('not' in of) return `(${this.line(this.word('NOT'), this.#nested(of.not))})`;
    const at = this.path(of.path);
    switch (of.op) {
      case 'exists':
        return `attribute_exists(${at})`;
      case 'not-exists':
        return `attribute_not_exists(${at})`;
      case 'type':
        return `attribute_type(${at}, ${this.value({ S: of.type })})`;
      case 'size':
        return this.line(`size(${at})`, of.is, this.value({ N: String(of.size) }));
      case 'begins-with':
        return `begins_with(${this.line(`${at},`, this.value(of.value))})`;
      case 'contains':
        return `contains(${at},${this.value(of.value)})`;
      case 'between':
        return this.line(at, this.word('BETWEEN'), this.value(of.from), this.word('AND'), this.value(of.to));
      case 'in':
        return this.line(at, this.word('IN'), `(${of.values.map((v) => this.value(v)).join(', ')})`);
      default:
        return this.line(at, of.op, this.value(of.value));
    }
  }

  #nested(of: ItemCondition): string {
    const text = this.condition(of);
    return this.#style.parentheses ? `(${text})` : text;
  }

  #joined(parts: readonly ItemCondition[], word: string): string {
    const texts = parts.map((part) => this.#nested(part));
    return texts.length === 1 ? (texts[0] as string) : `(${texts.join(`${this.#style.space}${this.word(word)}${this.#style.space}`)})`;
  }
}

/** One part of an update, before it is written. */
export interface Part {
  readonly clause: 'SET' | 'REMOVE' | 'ADD' | 'DELETE';
  readonly path: Path;
  readonly write: (writer: Writer, at: string) => string;
}

const paths: readonly Path[] = [
  ...[0, 1, 2, 3, 4, 6].map((i): Path => ['l', i]),
  ...[0, 1, 2].map((i): Path => ['l', i, 'x']),
  ...[0, 1, 3].map((i): Path => ['m', 'l', i]),
  ['m', 'x'],
  ['m', 'l'],
  ['l'],
  ['n'],
  ['s'],
  ['a'],
  ['b'],
];
const path = fc.constantFrom(...paths);
const small = fc.constantFrom<AttributeValue>({ S: 'new' }, { N: '7' }, { L: [{ N: '8' }] }, { M: { x: { N: '9' } } }, { SS: ['p', 'q'] });
const number = fc.constantFrom<AttributeValue>({ N: '1' }, { N: '2.5' }, { N: '100000000000000000000000000000001' });
const list = fc.constantFrom<AttributeValue>({ L: [{ S: 'x' }] }, { L: [{ N: '1' }, { N: '2' }] });
const set = fc.constantFrom<AttributeValue>({ SS: ['a'] }, { SS: ['b', 'c'] }, { SS: ['a', 'b', 'z'] });

const set1 = (value: fc.Arbitrary<AttributeValue>, right: (w: Writer, at: string, v: AttributeValue) => string): fc.Arbitrary<Part> =>
  fc.tuple(path, value).map(([p, v]) => ({ clause: 'SET', path: p, write: (w, at) => w.line(at, '=', right(w, at, v)) }));
const orElse = (w: Writer, at: string, v: AttributeValue): string => `if_not_exists(${at}, ${w.value(v)})`;
const ZERO: AttributeValue = { N: '0' };
const EMPTY: AttributeValue = { L: [] };

/** Parts that DynamoDB and the API know. */
const part: fc.Arbitrary<Part> = fc.oneof(
  { weight: 3, arbitrary: set1(small, (w, _, v) => w.value(v)) },
  set1(small, (w, at, v) => orElse(w, at, v)),
  set1(number, (w, at, v) => w.line(orElse(w, at, ZERO), '+', w.value(v))),
  set1(number, (w, at, v) => w.line(w.value(v), '+', orElse(w, at, ZERO))),
  set1(number, (w, at, v) => w.line(orElse(w, at, v), '+', w.value(v))),
  set1(list, (w, at, v) => `list_append(${orElse(w, at, v)}, ${w.value(v)})`),
  set1(number, (w, at, v) => `${orElse(w, at, ZERO)}-${w.value(v)}`),
  set1(list, (w, at, v) => `list_append(${orElse(w, at, EMPTY)}, ${w.value(v)})`),
  set1(list, (w, at, v) => `list_append(${w.value(v)}, ${orElse(w, at, EMPTY)})`),
  { weight: 4, arbitrary: path.map((p): Part => ({ clause: 'REMOVE', path: p, write: (_, at) => at })) },
  fc.tuple(path, fc.oneof(number, set)).map(([p, v]): Part => ({ clause: 'ADD', path: p, write: (w, at) => w.line(at, w.value(v)) })),
  fc.tuple(path, set).map(([p, v]): Part => ({ clause: 'DELETE', path: p, write: (w, at) => w.line(at, w.value(v)) })),
);

/** Parts of one update, in any order. */
export const parts: fc.Arbitrary<readonly Part[]> = fc.array(part, { minLength: 1, maxLength: 5 });

/** The update that has these parts. */
export function update(of: readonly Part[], writer: Writer): string {
  const clauses = [...new Set(of.map((p) => p.clause))];
  const texts = clauses.map((clause) =>
    writer.line(
      writer.word(clause),
      of
        .filter((p) => p.clause === clause)
        .map((p) => p.write(writer, writer.path(p.path)))
        .join(','),
    ),
  );
  return writer.line(...texts);
}
