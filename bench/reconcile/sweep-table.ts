import type { Item, Key } from '../../lib/core/attribute.ts';
import type { CallOptions, Page, ScanRequest, TableDescription, TablePort } from '../../lib/ports/table.ts';
import { KEY } from '../items.ts';

/** A table that is too large for the local cloud, made up as it is read. */

/** Size of the items (bytes, about). */
export const MADE_UP_BYTES = 300;
/** Items of one page: DynamoDB's megabyte, in items of this size. */
const PAGE_ITEMS = 3_400;
/** Words of notes: a short list, so that making items takes no memory of its own (the cities of bench/items.ts take 90 MiB). */
const WORDS = Array.from({ length: 500 }, (_, i) => (i * 7_919 + 1_296).toString(36));
const WORDS_EACH = 40;
const COUNTRIES = 200;
const STREAM_LABEL = '2026-01-01T00:00:00.000';

/** Key of item `n`, DynamoDB JSON. */
const keyText = (n: number): string => `"country":{"S":"C${n % COUNTRIES}"},"cityId":{"N":"${n}"}`;

/** Item `n`, as it comes over the wire. */
function itemText(n: number): string {
  let note = '';
  for (let i = 0; i < WORDS_EACH; i += 1) note += `${WORDS[(n * 31 + i * 17) % WORDS.length]} `;
  return `{${keyText(n)},"name":{"S":"name ${n}"},"population":{"N":"${n * 3}"},"capital":{"BOOL":${n % 100 === 0}},"location":{"M":{"longitude":{"N":"12.34"},"latitude":{"N":"-5.${n}1"}}},"visits":{"N":"1"},"note":{"S":"${note}"}}`;
}

/**
 * A port whose scans of one table show items that are made up. Everything else goes on to the real one, so that its client's
 * memory is in what is measured.
 */
export function madeUpTable(real: TablePort, table: string, region: string, items: number): TablePort {
  const scan = async ({ segment = { index: 0, of: 1 }, after, limit = PAGE_ITEMS }: ScanRequest): Promise<Page> => {
    const end = Math.floor(((segment.index + 1) * items) / segment.of);
    const last = (after?.['cityId'] as { readonly N?: string } | undefined)?.N;
    const from = last === undefined ? Math.floor((segment.index * items) / segment.of) : Number(last) + 1;
    const count = Math.min(PAGE_ITEMS, limit, end - from);
    const texts = Array.from({ length: count }, (_, i) => itemText(from + i));
    // An answer comes in a turn of its own.
    await new Promise((resolve) => setImmediate(resolve));
    const next = from + count - 1;
    return { items: JSON.parse(`[${texts.join(',')}]`) as Item[], ...(from + count < end && { next: JSON.parse(`{${keyText(next)}}`) as Key }) };
  };
  const describe = async (): Promise<TableDescription> => ({
    tableId: `made-up-${table}`,
    status: 'ACTIVE',
    key: [KEY.partition, KEY.sort].map(({ name, type }) => ({ name, type })),
    streamArn: `arn:aws:dynamodb:${region}:000000000000:table/${table}/stream/${STREAM_LABEL}`,
    streamEnabled: true,
    itemCount: items,
    bytes: items * MADE_UP_BYTES,
  });
  return new Proxy(real, {
    get: (target, name: keyof TablePort) => {
      if (name === 'scan') return (request: ScanRequest, options?: CallOptions) => (request.table === table ? scan(request) : real.scan(request, options));
      if (name === 'describe') return (of: string, options?: CallOptions) => (of === table ? describe() : real.describe(of, options));
      const value: unknown = target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
