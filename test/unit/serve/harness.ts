import { Logger } from '@aws-lambda-powertools/logger';
import type { APIGatewayProxyResult, Context } from 'aws-lambda';
import { apiHandler } from '../../../functions/api/app.ts';
import type { Base } from '../../../functions/shared/base.ts';
import { readSettings } from '../../../functions/shared/settings.ts';
import { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import type { MemoryRegion } from '../../../lib/adapters/memory/cloud.ts';
import { MemoryCloud } from '../../../lib/adapters/memory/cloud.ts';
import type { SetConfig } from '../../../lib/core/config.ts';
import { setConfigSchema } from '../../../lib/core/config.ts';
import type { Seat } from '../../../lib/core/formats/rows.ts';
import { CONTROL_KEY_SCHEMA, encodeSeat } from '../../../lib/core/formats/rows.ts';
import type { KeySchema } from '../../../lib/core/key.ts';
import { memberNames } from '../../../lib/core/names.ts';
import type { Log } from '../../../lib/ports/runtime.ts';
import type { ServeContext } from '../../../lib/serve/context.ts';
import { serveContext } from '../../../lib/serve/context.ts';
import { ITEM_TYPE } from '../../../lib/serve/http.ts';
import { REQUESTS_KEY_SCHEMA, REQUESTS_TTL } from '../../../lib/serve/idempotency.ts';

/** The whole API of a replica set, handlers and all, on the memory cloud. */

export const REGIONS = ['eu-central-1', 'us-east-1', 'ap-southeast-2'] as const;
export const [EU, US, AP] = REGIONS;
export const KEY: KeySchema = { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } };

export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The body as JSON. */
  readonly json: Record<string, unknown>;
}

const CONTEXT = { awsRequestId: 'lambda-request', functionName: 'api', getRemainingTimeInMillis: () => 28_000 } as unknown as Context;

export class World {
  readonly clock = new ManualClock();
  readonly cloud: MemoryCloud;
  readonly config: SetConfig;
  readonly logged: { readonly level: string; readonly message: string; readonly fields: unknown }[] = [];
  readonly contexts = new Map<string, ServeContext>();
  readonly #handlers = new Map<string, (event: unknown, context: Context) => Promise<unknown>>();

  constructor(key: KeySchema = KEY) {
    this.cloud = new MemoryCloud({ clock: this.clock, chance: new SeededChance(7) });
    this.config = setConfigSchema.parse({
      set: 'cities',
      key,
      members: REGIONS.map((region) => ({ name: region, region, account: '000000000000', generation: 1, items: `syncline-cities-${region}-g1-items` })),
    });
    for (const member of this.config.members) {
      const names = memberNames(this.config.set, member);
      const region = this.cloud.region(member.region);
      region.createTable({ name: names.items, key, stream: true });
      region.createTable({ name: names.tombstones, key });
      region.createTable({ name: names.control, key: CONTROL_KEY_SCHEMA });
      region.createTable({ name: names.requests, key: REQUESTS_KEY_SCHEMA, ttl: REQUESTS_TTL });
      region.buckets.createBucket(names.bucket);
      const handler = this.#handler(member);
      this.#handlers.set(member.name, handler);
      region.registerFunction(names.fn('api'), async (payload) => JSON.stringify(await handler(JSON.parse(payload), CONTEXT)));
    }
  }

  #handler(member: SetConfig['members'][number]): (event: unknown, context: Context) => Promise<unknown> {
    const context = serveContext(
      this.config,
      member,
      this.cloud.region(member.region),
      (peer) => this.cloud.region(peer.region).invoke,
      (peer) => this.cloud.region(peer.region).table,
    );
    this.contexts.set(member.name, context);
    return apiHandler(this.base(member.name), context) as (event: unknown, context: Context) => Promise<unknown>;
  }

  /** From now on a member's requests are served by a fresh sandbox, which knows nothing of earlier revs. */
  freshSandbox(member: string): void {
    const found = this.config.members.find((m) => m.name === member) as SetConfig['members'][number];
    this.#handlers.set(member, this.#handler(found));
  }

  /** Invokes a member's function directly, as another function does. */
  async invoke(member: string, event: unknown): Promise<Record<string, unknown>> {
    const handler = this.#handlers.get(member) as (event: unknown, context: Context) => Promise<unknown>;
    return (await this.clock.run(handler(event, CONTEXT))) as Record<string, unknown>;
  }

  base(member: string): Base {
    const settings = readSettings({ SYNCLINE_CONFIG: JSON.stringify(this.config), SYNCLINE_MEMBER: member });
    const put =
      (level: string) =>
      (message: string, fields?: unknown): void => {
        this.logged.push({ level, message, fields });
      };
    const log: Log = { debug: put('debug'), info: put('info'), warn: put('warn'), error: put('error') };
    const metrics = { count: () => undefined, flush: () => undefined };
    return {
      fn: 'api',
      settings,
      logger: new Logger({ logLevel: 'SILENT' }),
      metrics,
      runtime: { clock: this.clock, chance: new SeededChance(11), metrics, log },
    };
  }

  region(member: string): MemoryRegion {
    return this.cloud.region(member);
  }

  tables(member: string): ServeContext['tables'] {
    return (this.contexts.get(member) as ServeContext).tables;
  }

  /** Writes the seat of a member: primary in epoch 1, or a secondary of it. */
  async seat(member: string, primary: string, more: Partial<Seat> = {}): Promise<void> {
    const own = member === primary ? 1 : 0;
    const tableId = this.region(member).tableNamed(this.tables(member).items).tableId;
    const seat: Seat = { fence: 1, own, primary, since: 0, stream: 'arn', tableId, v: 1, ...more };
    await this.clock.run(this.region(member).table.put(this.tables(member).control, encodeSeat(seat)));
  }

  /** All seats, the primary being one member. */
  async seats(primary: string): Promise<void> {
    for (const member of REGIONS) await this.seat(member, primary);
  }

  /** Sends a request to a member's API as the gateway does. */
  async send(member: string, sent: Sent): Promise<Got> {
    return this.clock.run(this.start(member, sent));
  }

  /** As send, without moving time. */
  async start(member: string, sent: Sent): Promise<Got> {
    const multi = Object.fromEntries(Object.entries(sent.query ?? {}).map(([k, v]) => [k, Array.isArray(v) ? [...v] : [v as string]]));
    const single = Object.fromEntries(Object.entries(multi).map(([k, v]) => [k, v.at(-1) as string]));
    const headers = sent.headers ?? (sent.method === 'PUT' ? { 'Content-Type': ITEM_TYPE } : {});
    const event = {
      resource: '/{proxy+}',
      httpMethod: sent.method ?? 'GET',
      path: sent.path ?? '/items',
      headers,
      multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, [v]])),
      queryStringParameters: sent.query === undefined ? null : single,
      multiValueQueryStringParameters: sent.query === undefined ? null : multi,
      body: sent.body === undefined ? null : typeof sent.body === 'string' ? sent.body : JSON.stringify(sent.body),
      isBase64Encoded: false,
      stageVariables: { auth: 'iam' },
      requestContext: { requestId: 'gateway-request' },
    };
    const handler = this.#handlers.get(member) as (event: unknown, context: Context) => Promise<unknown>;
    const result = (await handler(event, CONTEXT)) as APIGatewayProxyResult;
    let json: Record<string, unknown> = {};
    try {
      json = JSON.parse(result.body) as Record<string, unknown>;
    } catch {
      // Empty bodies are no JSON.
    }
    return { status: result.statusCode, headers: (result.headers ?? {}) as Record<string, string>, body: result.body, json };
  }
}

/** A valid item. */
export const city = (name = 'Ulm', more: object = {}): Record<string, unknown> => ({ country: { S: 'DE' }, cityId: { N: '1' }, name: { S: name }, ...more });
export const CITY = { country: 'DE', cityId: '1' };

/** DELETE's and GET's shorthand. */
export const put = (body: unknown, headers: Readonly<Record<string, string>> = {}): Sent => ({
  method: 'PUT',
  body,
  headers: { 'Content-Type': ITEM_TYPE, ...headers },
});
export const get = (headers: Readonly<Record<string, string>> = {}): Sent => ({ method: 'GET', query: CITY, headers: { Accept: ITEM_TYPE, ...headers } });
export const del = (headers: Readonly<Record<string, string>> = {}): Sent => ({ method: 'DELETE', query: CITY, headers });
