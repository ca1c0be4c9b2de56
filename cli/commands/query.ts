import type { Command } from 'commander';
import { z } from 'zod';
import type { KeyAttribute } from '../../lib/core/key.ts';
import type { ApiClient } from '../api/client.ts';
import { openApi } from '../api/client.ts';
import type { Exact } from '../api/exact-json.ts';
import { parseExact } from '../api/exact-json.ts';
import type { Form, ItemOptions } from '../api/options.ts';
import { CONTENT_TYPE, itemOptions, jsonInput, keyValue, needsOf } from '../api/options.ts';
import { schemaOf } from '../api/schema.ts';
import { CliError, EXIT } from '../errors.ts';
import { shellWord } from '../next-steps.ts';
import { count as shown } from '../output.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';

/** Items of a page: by default, and at most; the API's limits. */
const LIMIT = 100;
const LIMIT_MAX = 1_000;
/** Items that --all gathers for one JSON document. As text they are written page by page, without a limit. */
const GATHERED_MAX = 100_000;
/** Comparisons of a sort key. */
const SORT_OPS = ['=', '<=', '>=', '<', '>', 'begins-with'] as const;

/** syncline query | count */
export function registerQuery(program: Command, run: Run): void {
  const both = (command: Command): Command =>
    itemOptions(command)
      .argument('<partition>', 'value of the partition key: text, number or base64, as its type is')
      .option('--sort <condition>', `of the sort key: ${SORT_OPS.join(', ')} and a value, or "between A B"`)
      .option('--filter <json>', 'only items for which this condition holds')
      .option('--consistency <how>', 'eventual or strong', 'eventual');
  both(program.command('query'))
    .summary('read the items of a partition')
    .description('Reads the items of one partition over the HTTP API, in the order of their sort keys, a page at a time.')
    .option('--limit <number>', `items of a page, at most ${LIMIT_MAX}`, limit, LIMIT)
    .option('--after <cursor>', 'the page that follows this cursor')
    .option('--all', 'all pages; one item a line')
    .option('--descending', 'the largest sort key first')
    .option('--select <path>', 'only this attribute; may be repeated', (text: string, before: string[] | undefined) => [...(before ?? []), text])
    .addHelpText(
      'after',
      `
Examples:
  syncline query DE
  syncline query DE --sort '>= 2950000' --limit 10
  syncline query DE --sort 'between 1 99' --descending --select name
  syncline query DE --all --filter '{"path":"population","op":">","value":1000000}' | jq -r .name`,
    )
    .action((partition: string, own: QueryOptions, command: Command) => run(command, (s) => query(s, partition, own), needsOf(own)));
  both(program.command('count'))
    .summary('count the items of a partition')
    .description('Counts the items of one partition over the HTTP API, to its end.')
    .addHelpText(
      'after',
      `
Examples:
  syncline count DE
  syncline count DE --filter '{"path":"population","op":"exists"}' --json | jq .count`,
    )
    .action((partition: string, own: PartitionOptions, command: Command) => run(command, (s) => countAll(s, partition, own), needsOf(own)));
}

interface PartitionOptions extends ItemOptions {
  readonly sort?: string;
  readonly filter?: string;
  readonly consistency: string;
}
interface QueryOptions extends PartitionOptions {
  readonly limit: number;
  readonly after?: string;
  readonly all?: true;
  readonly descending?: true;
  readonly select?: readonly string[];
}

function limit(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > LIMIT_MAX)
    throw new CliError('usage', 'bad-number', `--limit must be a whole number from 1 to ${LIMIT_MAX}; got ${JSON.stringify(text)}.`);
  return number;
}

/** Reads --sort. Pure. @throws CliError (usage) */
export function sortCondition(text: string, key: KeyAttribute, form: Form): Exact {
  const trimmed = text.trim();
  const wrong = (why: string): CliError =>
    new CliError(
      'usage',
      'bad-sort',
      `--sort ${JSON.stringify(text)} ${why}. Write ${SORT_OPS.join(', ')} and a value, or "between A B" (or between ["A","B"]).`,
    );
  if (/^between\s/.test(trimmed)) {
    const rest = trimmed.slice('between'.length).trim();
    const ends = rest.startsWith('[') ? endsOfList(rest) : rest.split(/\s+/);
    const [from, to, ...more] = ends;
    if (from === undefined || to === undefined || more.length > 0) throw wrong('does not have two ends');
    return { op: 'between', from: keyValue(from, key, form), to: keyValue(to, key, form) };
  }
  const op = SORT_OPS.find((o) => trimmed.startsWith(o));
  if (op === undefined) throw wrong('does not begin with a comparison');
  const value = trimmed.slice(op.length).trim();
  if (value === '') throw wrong('has no value');
  return { op, value: keyValue(value, key, form) };
}

function endsOfList(text: string): string[] {
  const list = jsonInput(text, '--sort between');
  return Array.isArray(list) ? list.map((end) => (typeof end === 'string' ? end : JSON.stringify(end))) : [];
}

const pageJson = z.object({ items: z.array(z.unknown()), next: z.string().exactOptional() });
const countJson = z.object({ count: z.number(), scanned: z.number(), next: z.string().exactOptional() });

interface Asked {
  readonly api: ApiClient;
  readonly body: Readonly<Record<string, Exact>>;
  readonly headers: Readonly<Record<string, string>>;
}

async function ask(session: Session, partition: string, own: PartitionOptions): Promise<Asked> {
  if (own.consistency !== 'eventual' && own.consistency !== 'strong')
    throw new CliError('usage', 'bad-consistency', `--consistency takes eventual or strong here; got ${JSON.stringify(own.consistency)}.`);
  const filter = own.filter === undefined ? {} : { filter: jsonInput(own.filter, '--filter') };
  const api = await openApi(session, own);
  const schema = await schemaOf(session, api, own);
  if (own.sort !== undefined && schema.sort === undefined) throw new CliError('usage', 'no-sort-key', '--sort: the table has no sort key.');
  const sort = own.sort === undefined || schema.sort === undefined ? {} : { sort: sortCondition(own.sort, schema.sort, own.form) };
  const type = CONTENT_TYPE[own.form];
  return {
    api,
    body: { partition: keyValue(partition, schema.partition, own.form), ...sort, ...filter },
    headers: { 'content-type': type, accept: type, 'syncline-consistency': own.consistency },
  };
}

async function query(session: Session, partition: string, own: QueryOptions): Promise<number> {
  const { out } = session;
  const { api, body, headers } = await ask(session, partition, own);
  const more = { limit: own.limit, ...(own.descending === true && { descending: true }), ...(own.select !== undefined && { select: own.select }) };
  const items: Exact[] = [];
  let member = '';
  let next = own.after;
  do {
    const request = JSON.stringify({ ...body, ...more, ...(next !== undefined && { after: next }) });
    const answer = await api.send({ method: 'POST', path: '/query', headers, body: request });
    const page = pageJson.parse(parseExact(answer.text));
    member = answer.member;
    next = page.next;
    if (own.all === true && !out.json) for (const item of page.items) out.raw(`${JSON.stringify(item)}\n`);
    else items.push(...page.items);
  } while (own.all === true && next !== undefined && items.length < GATHERED_MAX);
  if (own.all === true && !out.json) return EXIT.ok;
  const onward = next === undefined ? [] : [{ command: session.again(onwardWords(partition, own, next)), why: 'There are more items.' }];
  out.result({ items, count: items.length, ...(next !== undefined && { next }), member }, () => JSON.stringify(items, null, 2), onward);
  if (!out.json)
    out.note(
      `${shown(items.length)} ${items.length === 1 ? 'item' : 'items'}, answered by ${member}.${next === undefined ? '' : ` There are more: --after ${next}, or --all.`}`,
    );
  return EXIT.ok;
}

/** The same query from a cursor on. */
function onwardWords(partition: string, own: QueryOptions, next: string): string {
  const given = (['sort', 'filter', 'member', 'url'] as const).flatMap((name) => (own[name] === undefined ? [] : [`--${name} ${shellWord(own[name])}`]));
  const select = (own.select ?? []).map((path) => `--select ${shellWord(path)}`);
  const form = own.form === 'plain' ? [] : ['--form dynamodb'];
  const order = own.descending === true ? ['--descending'] : [];
  return ['query', shellWord(partition), ...given, ...select, ...form, ...order, `--limit ${own.limit}`, `--after ${shellWord(next)}`].join(' ');
}

async function countAll(session: Session, partition: string, own: PartitionOptions): Promise<number> {
  const { api, body, headers } = await ask(session, partition, own);
  let [counted, scanned] = [0, 0];
  let next: string | undefined;
  let member = '';
  do {
    const answer = await api.send({ method: 'POST', path: '/count', headers, body: JSON.stringify({ ...body, ...(next !== undefined && { after: next }) }) });
    const page = countJson.parse(JSON.parse(answer.text));
    counted += page.count;
    scanned += page.scanned;
    next = page.next;
    member = answer.member;
  } while (next !== undefined);
  session.out.result({ count: counted, scanned, member }, () => shown(counted));
  return EXIT.ok;
}
