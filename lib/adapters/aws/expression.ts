import type { AttributeValue, Item } from '../../core/attribute.ts';
import type { Changes, Condition, QueryRequest, SortCondition } from '../../ports/table.ts';

/**
 * Conditions, changes and projections as DynamoDB's expressions. Names are always aliased (`#n0`), values always
 * placed (`:v0`): nothing of a caller's stands in an expression's text.
 */
export class Expressions {
  readonly #names = new Map<string, string>();
  readonly #values: Record<string, AttributeValue> = {};
  #valueCount = 0;

  /** The text of a condition. */
  condition(condition: Condition): string {
    switch (condition.op) {
      case 'and':
      case 'or': {
        // DynamoDB refuses redundant parentheses, so a list of one is written as the one, without any of its own.
        const [only, ...more] = condition.of;
        if (only !== undefined && more.length === 0) return this.condition(only);
        return condition.of.map((part) => `(${this.condition(part)})`).join(condition.op === 'and' ? ' AND ' : ' OR ');
      }
      case 'absent':
        return `attribute_not_exists(${this.path(condition.path)})`;
      case 'present':
        return `attribute_exists(${this.path(condition.path)})`;
      default:
        return `${this.path(condition.path)} ${condition.op} ${this.value(condition.value)}`;
    }
  }

  /** The text of a query's condition on the key. */
  keyCondition(partition: QueryRequest['partition'], sort: SortCondition | undefined): string {
    const whole = `${this.name(partition.name)} = ${this.value(partition.value)}`;
    const ofSort = sort === undefined ? undefined : this.#sortCondition(sort);
    return ofSort === undefined ? whole : `${whole} AND ${ofSort}`;
  }

  #sortCondition(sort: SortCondition): string | undefined {
    if ('from' in sort) return `${this.name(sort.name)} BETWEEN ${this.value(sort.from)} AND ${this.value(sort.to)}`;
    // begins_with refuses an empty prefix of a key; it would select everything anyway.
    if ('prefix' in sort) return sort.prefix === '' ? undefined : `begins_with(${this.name(sort.name)}, ${this.value({ S: sort.prefix })})`;
    if (sort.op === 'begins-with') return `begins_with(${this.name(sort.name)}, ${this.value(sort.value)})`;
    return `${this.name(sort.name)} ${sort.op} ${this.value(sort.value)}`;
  }

  /** The text of an update; undefined when there is nothing to change. */
  changes(changes: Changes): string | undefined {
    const set = Object.entries(changes.set ?? {}).map(([name, value]) => `${this.name(name)} = ${this.value(value)}`);
    const remove = (changes.remove ?? []).map((name) => this.name(name));
    const parts = [set.length > 0 ? `SET ${set.join(', ')}` : '', remove.length > 0 ? `REMOVE ${remove.join(', ')}` : ''].filter((part) => part !== '');
    return parts.length === 0 ? undefined : parts.join(' ');
  }

  /** The text of a projection. */
  projection(paths: readonly (readonly string[])[]): string {
    return paths.map((path) => this.path(path)).join(', ');
  }

  path(path: readonly string[]): string {
    return path.map((name) => this.name(name)).join('.');
  }

  name(name: string): string {
    let alias = this.#names.get(name);
    if (alias === undefined) {
      alias = `#n${this.#names.size}`;
      this.#names.set(name, alias);
    }
    return alias;
  }

  value(value: AttributeValue): string {
    const alias = `:v${this.#valueCount}`;
    this.#valueCount += 1;
    this.#values[alias] = value;
    return alias;
  }

  /** ExpressionAttributeNames and -Values, each only when there are some: DynamoDB refuses empty ones. */
  parameters(): { ExpressionAttributeNames?: Record<string, string>; ExpressionAttributeValues?: Item } {
    const names: Record<string, string> = {};
    for (const [name, alias] of this.#names) names[alias] = name;
    return {
      ...(this.#names.size > 0 && { ExpressionAttributeNames: names }),
      ...(this.#valueCount > 0 && { ExpressionAttributeValues: this.#values }),
    };
  }
}
