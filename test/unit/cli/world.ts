import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { setConfigOf } from '../../../cli/context.ts';
import type { FactsPort } from '../../../cli/doctor/facts.ts';
import { CliError } from '../../../cli/errors.ts';
import { main } from '../../../cli/program.ts';
import type { CliPorts, Outside, StackPort } from '../../../cli/session.ts';
import { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import type { MemoryRegion } from '../../../lib/adapters/memory/cloud.ts';
import { MemoryCloud } from '../../../lib/adapters/memory/cloud.ts';
import { MemoryEventPort } from '../../../lib/adapters/memory/event-port.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import type { SetConfig } from '../../../lib/core/config.ts';
import { CONTROL_KEY_SCHEMA } from '../../../lib/core/formats/rows.ts';
import { memberNames } from '../../../lib/core/names.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { Runtime } from '../../../lib/ports/runtime.ts';
import type { LinkContext, MemberContext } from '../../../lib/replicate/context.ts';
import { linkContext, memberContext } from '../../../lib/replicate/context.ts';
import { initSet } from '../../../lib/replicate/init.ts';

/** A deployed set on the memory cloud, and the command run against it, in this process. */

export const REGIONS = ['eu-central-1', 'us-east-1', 'ap-southeast-2'] as const;
export const NOW = 1_800_000_000_000;

/** A document of any shape: a test says what it expects of it. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests check.
export type Json = any;

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly json: Json;
}

/** Time that stands still until it is slept on; then it jumps. */
class JumpClock {
  wall = NOW;
  #elapsed = 0;
  /** Called whenever somebody sleeps: the world may move on. */
  onSleep: (() => Promise<void> | void) | undefined;
  now = (): number => this.wall + this.#elapsed;
  elapsed = (): number => this.#elapsed;
  sleep = async (ms: number): Promise<void> => {
    await this.onSleep?.();
    this.#elapsed += ms;
    await sleep(0);
  };
}

export class World {
  readonly config: SetConfig;
  readonly clock = new JumpClock();
  readonly chance = new SeededChance(7);
  readonly cloud = new MemoryCloud({ clock: this.clock, chance: this.chance });
  /** What was told on the event buses. */
  readonly events = new MemoryEventPort();
  readonly runtime: Runtime = {
    clock: this.clock,
    chance: this.chance,
    metrics: { count: () => undefined },
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  };
  /** Regions that do not answer. */
  readonly down = new Set<string>();
  /** What the functions believe; by default the same as the command. */
  deployed: string | undefined;
  /** Options in the place of a context. */
  readonly args: readonly string[];
  /** What a file, or standard input ("-"), holds. */
  readonly files = new Map<string, string>();
  /** What the HTTP APIs answer. A test gives its own; by default nobody answers. */
  api: (request: Request) => Response | Promise<Response> = () => {
    throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
  };
  /** Regions whose stacks are not there. */
  readonly withoutStacks = new Set<string>();
  /** Called when a command begins to listen for the end of a live view. */
  onListen: ((stop: () => void) => void) | undefined;
  readonly env: Record<string, string> = {};
  facts: (region: string) => FactsPort = () => {
    throw new Error('no facts in this test');
  };

  constructor(keys = 'country:S,cityId:N') {
    this.args = ['--set', 'cities', '--regions', REGIONS.join(','), '--account', '000000000000', '--keys', keys];
    this.config = setConfigOf({ set: 'cities', regions: REGIONS.join(','), account: '000000000000', keys });
    this.deployed = JSON.stringify(this.config);
    this.cloud.hook = (call) => {
      if (this.down.has(call.region)) throw new RemoteError('transient', 'ECONNREFUSED', `connect ECONNREFUSED ${call.region}`);
    };
  }

  region(name: string): MemoryRegion {
    return this.cloud.region(name);
  }

  context(name: string): MemberContext {
    return memberContext(this.config, this.member(name));
  }

  link(source: string, target: string): LinkContext {
    return linkContext(this.config, this.member(source), this.member(target));
  }

  member(name: string): SetConfig['members'][number] {
    const found = this.config.members.find((m) => m.name === name);
    if (found === undefined) throw new Error(name);
    return found;
  }

  /** Creates what the stacks create. */
  deploy(): this {
    for (const member of this.config.members) {
      const region = this.region(member.region);
      const names = memberNames(this.config.set, member);
      const context = memberContext(this.config, member);
      region.createTable({ name: member.items, key: context.key, stream: true });
      region.createTable({ name: names.tombstones, key: context.key, ttl: 'expiresAt' });
      region.createTable({ name: names.control, key: CONTROL_KEY_SCHEMA });
      region.createQueue({ name: names.streamFailures });
      region.buckets.createBucket(names.bucket);
      for (const link of context.links) {
        const dlq = link.dlqUrl.split('/').at(-1) as string;
        region.createQueue({ name: dlq });
        region.createQueue({ name: link.queueUrl.split('/').at(-1) as string, dlq, maxReceiveCount: 1_000 });
      }
    }
    return this;
  }

  async init(): Promise<this> {
    await initSet(this.config, this.member(REGIONS[0]), (m) => this.region(m.region).table, this.clock.now());
    return this;
  }

  async put(region: string, item: Item): Promise<void> {
    await this.region(region).table.put(this.member(region).items, item);
  }

  async run(...args: string[]): Promise<Outcome> {
    const stdout = collect();
    const stderr = collect();
    const code = await main([...args, ...this.args], this.outside(), stdout.stream, stderr.stream);
    const out = stdout.text();
    return { code, stdout: out, stderr: stderr.text(), json: args.includes('--json') && !args.includes('--watch') ? JSON.parse(out) : undefined };
  }

  outside(): Outside {
    return {
      env: this.env,
      cwd: '/nowhere',
      localCloud: () => undefined,
      connect: async (region): Promise<CliPorts> => {
        const { table, queue, stream, objects } = this.region(region);
        return { table, queue, stream, objects, events: this.events, stacks: this.stacks(region) };
      },
      facts: async (region) => this.facts(region),
      credentials: async () => ({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }),
      fetch: async (input, init) => this.api(new Request(input as Request, init)),
      readText: async (file) => {
        const text = this.files.get(file);
        if (text === undefined) throw new CliError('usage', 'unreadable-file', file);
        return text;
      },
      onStop: (stop) => {
        this.onListen?.(stop);
        return () => undefined;
      },
      runtime: this.runtime,
    };
  }

  private stacks(region: string): StackPort {
    return {
      account: async () => '000000000000',
      apiUrl: async (stack) => {
        if (this.down.has(region)) throw new RemoteError('transient', 'ECONNREFUSED', `connect ECONNREFUSED ${region}`);
        return this.withoutStacks.has(region) ? undefined : `https://${stack}.${region}.example/v1`;
      },
      deployedConfig: async () => this.deployed,
    };
  }
}

export function collect(): { stream: PassThrough; text: () => string } {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}

export const city = (id: number, name: string, country = 'DE'): Item => ({ country: { S: country }, cityId: { N: String(id) }, name: { S: name } });
export const cityKey = (id: number, country = 'DE'): Item => ({ country: { S: country }, cityId: { N: String(id) } });
