import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { AdoptIo } from '../../../cli/adopt-io.ts';
import { registerAdopt } from '../../../cli/commands/adopt.ts';
import { explain } from '../../../cli/errors.ts';
import { Output } from '../../../cli/output.ts';
import { openSession } from '../../../cli/session.ts';
import type { SetConfig } from '../../../lib/core/config.ts';
import type { Reader, TableFacts } from '../../../lib/doctor/facts.ts';
import { observe } from '../../../lib/observe/observe.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import { apply, applySandbox } from '../../../lib/replicate/apply/apply.ts';
import { linkContext, memberContext } from '../../../lib/replicate/context.ts';
import { fanout } from '../../../lib/replicate/fanout.ts';
import { readSelf } from '../../../lib/replicate/self.ts';
import { ShardFinder } from '../../../lib/replicate/shards.ts';
import type { Json } from '../cli/world.ts';
import { city, collect, REGIONS, World } from '../cli/world.ts';

const [A, B, C] = REGIONS;
const TABLE = 'our-cities';
const APPLY_MS = 30_000;

interface Setting {
  readonly world: World;
  /** Runs `adopt` and reads its document. */
  readonly run: (...args: string[]) => Promise<{ code: number; json: Json; stderr: string }>;
  /** What a person was asked. */
  readonly asked: string[];
  answer: boolean | undefined;
  readers: Reader[];
  deployed: SetConfig | undefined;
}

/** A table of the user's in the first region; nothing of the set is there yet. */
function setting(items: number, stream = true): Setting {
  const world = new World();
  world.region(A).createTable({ name: TABLE, key: world.context(A).key, stream });
  const state: Setting = { world, asked: [], answer: undefined, readers: [], deployed: undefined, run };
  world.facts = (region) => ({
    identity: async () => ({ identity: { account: '111122223333', arn: 'arn:aws:iam::111122223333:user/ada' } }),
    bootstrap: async () => undefined,
    concurrency: async () => ({ limit: 1_000, unreserved: 1_000 }),
    stack: async () => undefined,
    readers: async () => state.readers,
    table: async (name): Promise<TableFacts | undefined> => {
      const found = await world
        .region(region)
        .table.describe(name)
        .catch(() => undefined);
      if (found === undefined) return undefined;
      return {
        status: found.status,
        key: found.key,
        ...(found.streamEnabled && { stream: { arn: found.streamArn ?? '', view: found.streamView ?? '' } }),
        onDemand: true,
        itemCount: found.itemCount,
        deletionProtection: false,
        globalReplicas: [],
        ttl: { seen: true, value: undefined },
        pointInTimeRecovery: { seen: true, value: false },
      };
    },
  });
  const io = (): AdoptIo => ({
    connect: () => ({
      more: async () => ({ bytes: items * 100, indexAttributes: [] }),
      enableStream: async () => void world.region(A).tableNamed(TABLE).enableStream(world.clock.now()),
    }),
    confirm:
      state.answer === undefined
        ? undefined
        : async (question) => {
            state.asked.push(question);
            return state.answer === true;
          },
    owner: 'a test',
    stream: new PassThrough(),
  });
  return state;

  async function run(...args: string[]): Promise<{ code: number; json: Json; stderr: string }> {
    const [stdout, stderr] = [collect(), collect()];
    const program = new Command('syncline')
      .exitOverride()
      .option('--json')
      .option('--set <name>')
      .option('--regions <list>')
      .option('--account <id>')
      .option('--keys <list>');
    let code = -1;
    const outside = world.outside();
    const connect: typeof outside.connect = async (region, endpoint, local) => ({
      ...(await outside.connect(region, endpoint, local)),
      stacks: {
        account: async () => undefined,
        apiUrl: async () => undefined,
        deployedConfig: async () => {
          if (state.deployed === undefined) throw new RemoteError('missing', 'ResourceNotFoundException', 'no function');
          return JSON.stringify(state.deployed);
        },
      },
    });
    registerAdopt(
      program,
      async (_, body) => {
        const out = new Output(stdout.stream, stderr.stream, { json: args.includes('--json'), color: false });
        const options = { set: 'cities', regions: REGIONS.join(','), timeout: 60 };
        code = await body(await openSession(options, { ...outside, connect }, out, { account: 'not needed' }));
      },
      io,
    );
    try {
      await program.parseAsync(['adopt', TABLE, ...args], { from: 'user' });
    } catch (error) {
      const { code: name, message } = explain(error);
      return { code: 1, json: { error: { code: name, message } }, stderr: stderr.text() };
    }
    return { code, json: args.includes('--json') ? JSON.parse(stdout.text()) : stdout.text(), stderr: stderr.text() };
  }
}

/** Deploys the set with the user's table; its appliers work whenever somebody waits. */
function deploy(state: Setting): void {
  const { world } = state;
  world.deploy();
  const config = { ...world.config, members: world.config.members.map((m) => (m.name === A ? { ...m, items: TABLE } : m)) };
  state.deployed = config;
  const member = (name: string): SetConfig['members'][number] => config.members.find((m) => m.name === name) as SetConfig['members'][number];
  const links = [B, C].map((target) => {
    const link = linkContext(config, member(A), member(target));
    const { table, queue, objects } = world.region(A);
    const reports = { bucket: world.context(A).bucket, objects: () => objects };
    const ports = { source: table, target: world.region(target).table, queue, reports };
    return { link, ports, sandbox: applySandbox(link, ports, world.runtime) };
  });
  const readers = new Map(REGIONS.map((name) => [name, readersOf(world, config, name)]));
  let busy = false;
  world.clock.onSleep = async () => {
    // What apply itself waits for must not begin another apply.
    if (busy) return;
    busy = true;
    for (const read of readers.values()) await read();
    for (const { link, ports, sandbox } of links) {
      const messages = await ports.queue.receive(link.queueUrl, { max: 10, visibilityS: 180 });
      if (messages.length === 0) continue;
      const { failures } = await apply(messages, link, ports, world.runtime, sandbox, APPLY_MS);
      const done = messages.filter((m) => !failures.includes(m.id));
      await ports.queue.deleteBatch(
        link.queueUrl,
        done.map((m, i) => ({ id: String(i), receipt: m.receipt })),
      );
    }
    busy = false;
  };
}

/** The readers of a member's stream, fan-out and observer: they read what is new, once the set has its seats. */
function readersOf(world: World, config: SetConfig, name: string): () => Promise<void> {
  const member = config.members.find((m) => m.name === name) as SetConfig['members'][number];
  const region = world.region(name);
  const context = memberContext(config, member);
  const shards = new ShardFinder(region.stream, world.clock);
  let read = 0;
  return async () => {
    const records = region.streamRecords(member.items).slice(read);
    const { seat } = await readSelf(region.table, context.tables.control);
    if (seat === undefined || records.length === 0) return;
    await fanout({ records }, context, { table: region.table, queue: region.queue, shards }, world.runtime);
    await observe({ records }, context, { table: region.table, objects: region.objects, shards }, world.runtime);
    read += records.length;
  };
}

const put = async (state: Setting, items: number): Promise<void> => {
  for (let i = 0; i < items; i += 1) await state.world.region(A).table.put(TABLE, city(i, `city ${i}`));
};

describe('syncline adopt', () => {
  it('says what stands in the way, and changes nothing', async () => {
    const state = setting(10);
    state.readers = ['mail', 'search'].map((fn) => ({ id: fn, fn, state: 'Enabled' }));
    const { code, json } = await state.run('--json', '--enable-stream');
    expect({ code, stage: json.stage }).toEqual({ code: 1, stage: 'unfit' });
    expect(json.findings.filter((f: Json) => f.level === 'fail').map((f: Json) => f.check)).toEqual(['stream-readers']);
    expect((await state.run('--json', '--allow-readers')).json.stage).toBe('needs-deployment');
  });

  it('enables a stream only when told to, and then says how to deploy', async () => {
    const state = setting(10, false);
    const first = await state.run('--json');
    expect({ code: first.code, stage: first.json.stage, next: first.json.next_steps[0].command }).toEqual({
      code: 3,
      stage: 'needs-stream',
      next: `syncline adopt ${TABLE} --enable-stream --set cities --regions ${REGIONS.join(',')}`,
    });
    expect((await state.run('--json', '--check', '--enable-stream')).json.stage).toBe('checked');
    expect(state.world.region(A).tableNamed(TABLE).stream).toBeUndefined();
    const { code, json } = await state.run('--json', '--enable-stream');
    expect({ code, stage: json.stage, enabled: json.streamEnabled }).toEqual({ code: 0, stage: 'needs-deployment', enabled: true });
    expect(json.cdk).toContain(json.stream.arn);
    expect(json.cdk).toContain("account: '111122223333'");
    expect(json.next_steps[0].command).toContain('existingTables=');
    // An existing stream is never touched.
    const { arn } = state.world.region(A).tableNamed(TABLE).stream as { arn: string };
    expect((await state.run('--json', '--enable-stream')).json.stream.arn).toBe(arn);
  });

  it('says what a backfill costs before it asks, and does nothing when the answer is no', async () => {
    const state = setting(50);
    await put(state, 50);
    deploy(state);
    state.answer = false;
    const { code, json, stderr } = await state.run();
    expect(code).toBe(3);
    expect(json).toContain('Nothing was done.');
    expect(state.asked).toEqual(['Begin?']);
    for (const words of ['about 50', 'units at the replicas', 'cost     about $', 'time     about', `${A} is the primary`]) expect(stderr).toContain(words);
    expect(state.world.region(A).items(state.world.context(A).tables.control)).toEqual([]);
    state.answer = undefined;
    expect((await state.run('--json')).json.error.code).toBe('needs-yes');
  });

  it('gives the seats, copies everything, proves it and says so; the second time it only says so', async () => {
    const state = setting(300);
    await put(state, 300);
    deploy(state);
    const { code, json } = await state.run('--json', '--yes');
    expect({ code, stage: json.stage, attention: json.attention }).toEqual({ code: 0, stage: 'adopted', attention: [] });
    expect(json.plan).toMatchObject({ init: true, estimate: { items: 300, links: 2 } });
    expect(json.result).toMatchObject({
      keys: 300,
      resumed: false,
      links: [{ target: B }, { target: C }],
    });
    expect(json.proof.links).toMatchObject([B, C].map((target) => ({ target, keys: 300, divergent: 0, unverified: 0, proven: expect.any(Number) })));
    for (const region of [B, C]) expect(state.world.region(region).items(state.world.member(region).items)).toHaveLength(300);
    expect(json.next_steps[0].command).toBe(`syncline status --set cities --regions ${REGIONS.join(',')} --tables ${A}=${TABLE}`);
    const again = await state.run('--json', '--yes');
    expect({ code: again.code, before: again.json.before.keys, proof: again.json.proof }).toEqual({
      code: 0,
      before: 300,
      proof: { links: [], before: [B, C] },
    });
    const text = (await state.run('--yes', '--restart')).json;
    expect(text).toContain('Adopted. 300 keys were sent');
    expect(text).toMatch(/us-east-1 +300 +0 +\d{4}-/);
    expect((await state.run('--json', '--yes', '--restart', '--no-prove')).json.proof).toBeUndefined();
  });

  it('refuses a replica that holds what Syncline did not write, unless told to go on; it deletes none of it', async () => {
    const state = setting(20);
    await put(state, 20);
    deploy(state);
    await state.world.region(B).table.put(state.world.member(B).items, city(999, 'of old'));
    const refused = await state.run('--json', '--yes');
    expect(refused.json.error).toMatchObject({ code: 'replica-not-empty', message: expect.stringContaining(`${B} holds items`) });
    const { code, json } = await state.run('--json', '--yes', '--replica-not-empty');
    expect({ code, attention: json.attention }).toEqual({ code: 3, attention: ['not-proven', 'old-items'] });
    expect(json.proof.links).toMatchObject([
      { target: B, held: 1 },
      { target: C, proven: expect.any(Number) },
    ]);
    expect(json.next_steps.map((step: Json) => step.command).join()).toContain('prove --all --allow-deletes');
    expect(state.world.region(B).items(state.world.member(B).items)).toHaveLength(21);
  });

  it('refuses a set that is deployed with another table', async () => {
    const state = setting(1);
    deploy(state);
    state.deployed = state.world.config;
    expect((await state.run('--json', '--yes')).json.error.code).toBe('other-table');
  });
});
