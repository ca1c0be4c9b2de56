import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { SetConfig } from '../lib/core/config.ts';
import { setConfigSchema } from '../lib/core/config.ts';
import { memberNames } from '../lib/core/names.ts';
import { CliError } from './errors.ts';

/**
 * A replica set's configuration, from options and from cdk.json's context: the same inputs as the CDK app has, so that
 * in a checkout nothing need be given twice.
 */

/** What the user names. All text, as it comes from a command line or a context. */
export interface SetInput {
  readonly set?: string;
  /** Regions, separated by commas; the first is listed first. A member's name is its region. */
  readonly regions?: string;
  /** 12 digits. */
  readonly account?: string;
  /** One account for each region, in their order, separated by commas; takes precedence over `account`. */
  readonly accounts?: string;
  /** Adopted tables, REGION=NAME, separated by commas. */
  readonly tables?: string;
  /** "name:type" of the partition key and, after a comma, of the sort key; types are S, N and B. */
  readonly keys?: string;
  readonly lanes?: string;
}

/** The account of local clouds. */
export const LOCAL_ACCOUNT = '000000000000';

/** Defaults of the app, where neither options nor cdk.json say otherwise. */
export const SET_DEFAULTS = { set: 'cities', regions: 'eu-central-1,us-east-1,ap-southeast-2', keys: 'country:S,cityId:N' } as const;

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));

const contextText = z.union([z.string(), z.number().transform(String), z.array(z.string()).transform((list) => list.join(','))]);
const existing = z.record(z.string(), z.object({ tableName: z.string() }));
/** The app's existingTables: an object, or its JSON text, as `cdk -c` gives it. Of it, the names are what the command needs. */
const existingTables = z.union([existing, z.string().transform((text) => existing.parse(JSON.parse(text)))]).transform((tables) =>
  Object.entries(tables)
    .map(([region, { tableName }]) => `${region}=${tableName}`)
    .join(','),
);
const cdkJson = z.object({
  context: z
    .object({
      set: contextText.exactOptional(),
      regions: contextText.exactOptional(),
      account: contextText.exactOptional(),
      accounts: contextText.exactOptional(),
      existingTables: existingTables.exactOptional(),
      keys: contextText.exactOptional(),
      lanes: contextText.exactOptional(),
    })
    .exactOptional(),
});

/** The set's part of the context in the cdk.json of `cwd`, else of this project. @throws CliError when it is there, but cannot be read. */
export function cdkContext(cwd: string): SetInput {
  for (const path of [join(cwd, 'cdk.json'), join(projectRoot, 'cdk.json')]) {
    if (!existsSync(path)) continue;
    try {
      const { existingTables: tables, ...rest } = cdkJson.parse(JSON.parse(readFileSync(path, 'utf8'))).context ?? {};
      return { ...rest, ...(tables !== undefined && tables !== '' && { tables }) };
    } catch (cause) {
      const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
      throw new CliError('usage', 'bad-context', `The context in cdk.json cannot be read: ${why}`);
    }
  }
  return {};
}

/**
 * The configuration of the set. Pure.
 *
 * @param input options over context; what is absent takes SET_DEFAULTS.
 * @throws CliError (usage) that names each thing wrong, what was seen and what is expected.
 */
export function setConfigOf(input: SetInput & { readonly account: string }): SetConfig {
  const set = input.set ?? SET_DEFAULTS.set;
  const regions = list(input.regions ?? SET_DEFAULTS.regions);
  if (regions.length === 0) throw new CliError('usage', 'bad-regions', 'No region was named. Give them separated by commas: --regions eu-central-1,us-east-1');
  const accounts = accountsOf(input, regions.length);
  const tables = tablesOf(input.tables ?? '', regions);
  const candidate = {
    set,
    ...(input.lanes !== undefined && { lanes: wholeNumber(input.lanes, '--lanes') }),
    key: keyOption(input.keys ?? SET_DEFAULTS.keys),
    members: regions.map((region, i) => ({ name: region, region, account: accounts?.[i] ?? input.account, generation: 1, items: '' })),
  };
  const parsed = setConfigSchema.safeParse(candidate);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((i) => ({ at: placeOf(i.path, regions), message: i.message }));
    throw new CliError('usage', 'bad-set', [...new Set(issues.map((i) => `${i.at}${i.message}`))].join('\n'));
  }
  return { ...parsed.data, members: parsed.data.members.map((m) => ({ ...m, items: tables.get(m.region) ?? memberNames(set, m).items })) };
}

function accountsOf({ accounts }: SetInput, regions: number): string[] | undefined {
  if (accounts === undefined) return undefined;
  const found = list(accounts);
  if (found.length === regions) return found;
  throw new CliError('usage', 'bad-accounts', `--accounts names one account for each of the ${regions} regions, in their order; got ${found.length}.`);
}

/** What a table's name may be. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html */
export const TABLE_NAME = /^[A-Za-z0-9_.-]{3,255}$/;

/** Reads "REGION=NAME,REGION=NAME". */
function tablesOf(text: string, regions: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    list(text).map((part) => {
      const at = part.indexOf('=');
      const [region, name] = [part.slice(0, at), part.slice(at + 1)];
      if (at < 1 || !TABLE_NAME.test(name))
        throw new CliError('usage', 'bad-tables', `--tables: ${JSON.stringify(part)} is not REGION=NAME. Example: --tables eu-central-1=orders`);
      if (!regions.includes(region))
        throw new CliError('usage', 'bad-tables', `--tables names the region ${JSON.stringify(region)}; the regions are ${regions.join(', ')}.`);
      return [region, name] as const;
    }),
  );
}

const list = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** Where in the user's input a problem of the schema lies. */
function placeOf(path: readonly PropertyKey[], regions: readonly string[]): string {
  if (path[0] === 'members' && typeof path[1] === 'number') return `${path[2] === 'account' ? 'account' : `region "${regions[path[1]] ?? ''}"`}: `;
  if (path[0] === 'key') return `key attribute ${path[1] === 'partition' ? 1 : 2}: `;
  return '';
}

function wholeNumber(text: string, option: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new CliError('usage', 'bad-number', `${option} must be a whole number; got ${JSON.stringify(text)}.`);
  return Number(text);
}

/** Reads "country:S,cityId:N". The type stands behind the last colon, so names may have colons. */
function keyOption(text: string): { partition: { name: string; type: string }; sort?: { name: string; type: string } } {
  const parts = list(text).map((part) => {
    const colon = part.lastIndexOf(':');
    const type = part.slice(colon + 1);
    if (colon < 1 || !['S', 'N', 'B'].includes(type)) {
      throw new CliError('usage', 'bad-keys', `--keys: ${JSON.stringify(part)} is not name:type with type S, N or B. Example: --keys country:S,cityId:N`);
    }
    return { name: part.slice(0, colon), type };
  });
  const [partition, sort, ...more] = parts;
  if (partition === undefined || more.length > 0)
    throw new CliError(
      'usage',
      'bad-keys',
      `--keys takes a partition key and at most one sort key; got ${parts.length} attributes. Example: --keys country:S,cityId:N`,
    );
  if (partition.name === sort?.name) throw new CliError('usage', 'bad-keys', `--keys: the partition key and the sort key are both named "${partition.name}".`);
  return { partition, ...(sort && { sort }) };
}
