import { FormatError } from '../lib/core/errors.ts';
import { keyText } from '../lib/core/key.ts';
import { PRICE_REGION_DEFAULT, PRICES, pricesOf } from '../lib/cost/prices.ts';
import type { TableDescription } from '../lib/ports/table.ts';
import type { CheckRequest } from '../lib/reconcile/check/request.ts';
import type { MemberReach } from '../lib/reconcile/ports.ts';
import { newestBase } from '../lib/reconcile/scan/base.ts';
import { scanCost } from '../lib/reconcile/scan/cost.ts';
import { retried } from '../lib/replicate/retry.ts';
import { together } from '../lib/replicate/together.ts';
import type { AdoptIo } from './adopt-io.ts';
import type { CheckAt } from './check-ports.ts';
import { CliError } from './errors.ts';
import { readKey } from './keys.ts';
import type { Session } from './session.ts';
import { located, memberOf, memberOption } from './session.ts';
import type { CheckPlan } from './views/check-view.ts';

/** What a check is asked for, and what it will read and cost. */

/** What the user says about a new check. */
export interface CheckOptions {
  readonly proof?: true;
  readonly sweep?: true;
  readonly key?: readonly string[];
  readonly keysFile?: string;
  readonly sample?: number;
  readonly member?: readonly string[];
  readonly reportOnly?: true;
  readonly repair?: true;
  readonly allowDeletes?: true;
  readonly itemsPerS?: number;
  readonly yes?: true;
  readonly detach?: true;
}

/** What of the outside a check needs. */
export type CheckIo = Pick<AdoptIo, 'confirm' | 'owner' | 'stream'>;

/** One request and its repetitions, before a check begins (ms). */
const REQUEST_MAX_MS = 30_000;
/** Items a second that one table is read with, as a guess for the time (MiniStack: a few thousand; DynamoDB: more). */
const ITEMS_PER_S_GUESS = 10_000;

/** What the command line asks for. @throws CliError (usage), InputError "invalid-key" */
export async function requestOf(session: Session, { primary, ports }: CheckAt, own: CheckOptions, io: CheckIo): Promise<CheckRequest> {
  const mode = own.sweep === true ? 'sweep' : own.sample !== undefined ? 'sample' : own.key !== undefined || own.keysFile !== undefined ? 'keys' : 'proof';
  const named = own.member?.map((name) => memberOption(session.config, name, '--member').name);
  if (named?.includes(primary.name) === true)
    throw new CliError('usage', 'bad-options', `--member: "${primary.name}" is the primary, which the others are compared with. Name another member.`);
  const targets = named === undefined ? ports.own.member.links.map(({ target }) => target) : [...new Set(named)];
  const canAsk = io.confirm !== undefined && !session.out.json && own.detach !== true;
  // Where nobody can be asked, a check without a word of what to do tells, and writes nothing.
  const action = own.repair === true ? 'repair' : own.reportOnly === true || !canAsk ? 'report' : 'ask';
  return {
    mode,
    targets,
    action,
    by: io.owner,
    ...(mode === 'keys' && { keys: await keysOf(session, own, ports.own) }),
    ...(own.sample !== undefined && { share: own.sample }),
    ...(own.itemsPerS !== undefined && { itemsPerS: own.itemsPerS }),
    ...(own.allowDeletes === true && { allowDeletes: true }),
  };
}

async function keysOf(session: Session, { key = [], keysFile }: CheckOptions, { member }: MemberReach): Promise<NonNullable<CheckRequest['keys']>> {
  const lines = keysFile === undefined ? [] : (await session.outside.readText(keysFile)).split('\n').filter((line) => line.trim() !== '');
  const keys = [...key, ...lines].map((text) => readKey(text.trim(), member.key));
  if (keys.length === 0) throw new CliError('usage', 'no-keys', `--keys-file: there are no keys in ${JSON.stringify(keysFile)}. Write one a line.`);
  return [...new Map(keys.map((one) => [keyText(one, member.key), one])).values()];
}

/** A comparison by the logs needs a finished scan of each side. @throws CliError */
export async function needBases(session: Session, { ports, primary }: CheckAt, targets: readonly string[]): Promise<void> {
  for (const name of [primary.name, ...targets]) {
    const reach = name === primary.name ? ports.own : (ports.others.get(name) as MemberReach);
    // A member that cannot be reached is the check's own business: its link is unverified then.
    const found = await newestBase(reach, session.runtime).catch((error: unknown) => {
      if (error instanceof FormatError) return undefined;
      return null;
    });
    if (found !== undefined) continue;
    throw new CliError(
      'failed',
      'no-base',
      `The table of "${name}" was never read whole, so the logs alone say nothing of most items. Run "syncline check --sweep" once; after that each check may go by the logs.`,
    );
  }
}

/** What will be read, and what that costs: by DynamoDB's own counts, which are up to six hours old. @throws CliError */
export async function planOf(session: Session, { ports, primary }: CheckAt, request: CheckRequest): Promise<CheckPlan> {
  const { mode, targets, action, keys, share, itemsPerS } = request;
  const base = {
    mode,
    targets,
    action,
    ...(keys && { keys: keys.length }),
    ...(share !== undefined && { share }),
    ...(itemsPerS !== undefined && { itemsPerS }),
  };
  if (mode !== 'sweep' && mode !== 'sample') return { ...base, items: 0, readUnits: 0, usd: 0 };
  const { runtime } = session;
  const costs = await together(
    [primary.name, ...targets].map(async (name) => {
      const { table, member } = name === primary.name ? ports.own : (ports.others.get(name) as MemberReach);
      const described = await located(session, memberOf(session, name), () =>
        retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => table.describe(member.tables.items)),
      ).catch((error: unknown) => {
        // A check of the others need not fail for one that is away.
        if (name === primary.name || !(error instanceof CliError)) throw error;
        return EMPTY;
      });
      const priceRegion = PRICES[member.region] === undefined ? PRICE_REGION_DEFAULT : member.region;
      return { items: described.itemCount, ...scanCost(described, pricesOf(priceRegion, {})) };
    }),
  );
  const part = share ?? 1;
  const sum = (name: 'items' | 'readUnits' | 'usd'): number => costs.reduce((all, cost) => all + cost[name], 0) * part;
  const largest = Math.max(...costs.map(({ items }) => items)) * part;
  return {
    ...base,
    items: Math.round(sum('items')),
    readUnits: Math.ceil(sum('readUnits')),
    usd: sum('usd'),
    seconds: Math.max(1, Math.ceil(largest / Math.min(itemsPerS ?? ITEMS_PER_S_GUESS, ITEMS_PER_S_GUESS))),
  };
}

const EMPTY: Pick<TableDescription, 'itemCount'> = { itemCount: 0 };
