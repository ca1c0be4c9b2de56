import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { apiHandler } from '../../functions/api/app.ts';
import type { Base } from '../../functions/shared/base.ts';
import { readSettings } from '../../functions/shared/settings.ts';
import { systemChance, systemClock } from '../../lib/adapters/aws/runtime.ts';
import { SeededChance } from '../../lib/adapters/memory/chance.ts';
import { MemoryCloud } from '../../lib/adapters/memory/cloud.ts';
import { setConfigSchema } from '../../lib/core/config.ts';
import { CONTROL_KEY_SCHEMA, encodeLink, encodeSeat } from '../../lib/core/formats/rows.ts';
import type { KeySchema } from '../../lib/core/key.ts';
import { memberNames } from '../../lib/core/names.ts';
import { serveContext } from '../../lib/serve/context.ts';
import { REQUESTS_KEY_SCHEMA } from '../../lib/serve/idempotency.ts';

/**
 * The APIs of a whole replica set, the real handlers, on the memory cloud and on this machine's clock: what the fuzzers
 * talk to when they are not given a deployed one.
 */

export const REGIONS = ['eu-central-1', 'us-east-1'] as const;
export const [PRIMARY, SECONDARY] = REGIONS;

/** An event of the gateway, and what it is answered with. */
export type Handler = (event: unknown) => Promise<unknown>;

export interface FuzzSet {
  readonly handlers: ReadonlyMap<string, Handler>;
  /** What the functions logged as errors: each is a bug, whatever was answered. */
  readonly errors: readonly unknown[];
}

export interface FuzzSetOptions {
  readonly key: KeySchema;
  /** SYNCLINE_AUTH and SYNCLINE_CORS of every member. */
  readonly env?: Readonly<Record<string, string>>;
  readonly seed: number;
}

const CONTEXT = { awsRequestId: 'fuzz', functionName: 'api', getRemainingTimeInMillis: () => 28_000 } as unknown as Context;

/** Makes the set; the first region's member is primary. */
export async function fuzzSet({ key, env = {}, seed }: FuzzSetOptions): Promise<FuzzSet> {
  const cloud = new MemoryCloud({ clock: systemClock, chance: new SeededChance(seed) });
  const config = setConfigSchema.parse({
    set: 'fuzz',
    key,
    members: REGIONS.map((region) => ({ name: region, region, account: '000000000000', generation: 1, items: `syncline-fuzz-${region}-g1-items` })),
  });
  const errors: unknown[] = [];
  const handlers = new Map<string, Handler>();
  for (const member of config.members) {
    const names = memberNames(config.set, member);
    const region = cloud.region(member.region);
    const { tableId } = region.createTable({ name: names.items, key, stream: true });
    region.createTable({ name: names.tombstones, key });
    region.createTable({ name: names.control, key: CONTROL_KEY_SCHEMA });
    region.createTable({ name: names.requests, key: REQUESTS_KEY_SCHEMA });
    region.buckets.createBucket(names.bucket);
    const own = member.name === PRIMARY ? 1 : 0;
    const since = systemClock.now();
    await region.table.put(names.control, encodeSeat({ fence: 1, own, primary: PRIMARY, since, stream: 'arn', tableId, v: 1 }));
    for (const other of config.members.filter((m) => m !== member))
      await region.table.put(names.control, encodeLink({ target: other.name, state: 'open', since }));
    const base = baseOf(readSettings({ ...env, SYNCLINE_CONFIG: JSON.stringify(config), SYNCLINE_MEMBER: member.name }), errors);
    const at = (peer: { readonly region: string }) => cloud.region(peer.region);
    const handle = apiHandler(
      base,
      serveContext(
        config,
        member,
        region,
        (peer) => at(peer).invoke,
        (peer) => at(peer).table,
      ),
    ) as (event: unknown, context: Context) => Promise<unknown>;
    const handler: Handler = (event) => handle(event, CONTEXT);
    handlers.set(member.name, handler);
    region.registerFunction(names.fn('api'), async (payload) => JSON.stringify(await handler(JSON.parse(payload))));
  }
  return { handlers, errors };
}

function baseOf(settings: Base['settings'], errors: unknown[]): Base {
  const quiet = (): void => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: (message: string, fields?: unknown) => void errors.push({ message, fields }) };
  const metrics = { count: quiet, flush: quiet };
  return { fn: 'api', settings, logger: new Logger({ logLevel: 'SILENT' }), metrics, runtime: { clock: systemClock, chance: systemChance, metrics, log } };
}
