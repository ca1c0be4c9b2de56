import { describe, expect, it } from 'vitest';
import type { LaneMessage } from '../../../lib/core/formats/message.ts';
import { decodeMessage, encodeMessage } from '../../../lib/core/formats/message.ts';
import { position } from '../../../lib/core/formats/position.ts';
import { encodeRefused } from '../../../lib/core/formats/refused-row.ts';
import { encodeLink, encodeSeat, encodeShard } from '../../../lib/core/formats/rows.ts';
import { keyHash, keyText } from '../../../lib/core/key.ts';
import { laneOf } from '../../../lib/core/lanes.ts';
import { memberNames } from '../../../lib/core/names.ts';
import { readSelf } from '../../../lib/replicate/self.ts';
import { city, cityKey, NOW, REGIONS, World } from './world.ts';

const [A, B, C] = REGIONS;
const nameOf = (url: string): string => url.split('/').at(-1) as string;

/** Writes the marks that a healthy minute leaves. */
async function markLinks(world: World, sentAgo = 5_000): Promise<void> {
  for (const target of [B, C]) {
    const row = encodeLink({ target, state: 'open', since: NOW - 3_600_000, mark: { sent: NOW - sentAgo, arrived: NOW - sentAgo + 120 } });
    await world.region(A).table.put(world.context(A).tables.control, row);
  }
}

async function deadLetter(world: World, body: string, lane = 3, reason?: string): Promise<void> {
  const { dlqUrl } = world.link(A, B);
  const attributes = reason === undefined ? {} : { attributes: { reason, at: String(NOW - 60_000) } };
  await world.region(A).queue.sendBatch(dlqUrl, [{ id: '0', body, group: `lane-${lane}`, dedup: world.chance.nonce(), ...attributes }]);
}

const changes = (id: number): string =>
  encodeMessage({
    set: 'cities',
    epoch: 1,
    source: A,
    lane: 3,
    lanes: 16,
    sent: NOW - 61_000,
    kind: 'changes',
    changes: [{ q: '123', i: city(id, 'x') }],
  }) as string;

describe('init', () => {
  it('writes seats and links once, and says so', async () => {
    const world = new World().deploy();
    const first = await world.run('init', '--primary', A, '--json');
    expect(first).toMatchObject({ code: 0, json: { set: 'cities', primary: A } });
    expect(first.json.members).toHaveLength(3);
    const again = await world.run('init', '--primary', A);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toContain('initialised already');
    const self = await readSelf(world.region(B).table, world.context(B).tables.control);
    expect(self.seat).toMatchObject({ fence: 1, own: 0 });
    expect([...self.links.keys()].sort()).toEqual([A, C].sort());
  });

  it('does not move a primary', async () => {
    const world = await new World().deploy().init();
    const outcome = await world.run('init', '--primary', B, '--json');
    expect(outcome).toMatchObject({ code: 1, json: { error: { code: 'has-primary' } } });
  });

  it('refuses an unknown member, a set that is not deployed, a region that does not answer', async () => {
    const world = new World();
    expect(await world.run('init', '--primary', 'mars', '--json')).toMatchObject({ code: 2, json: { error: { code: 'unknown-member' } } });
    expect(await world.run('init', '--primary', A, '--json')).toMatchObject({ code: 1, json: { error: { code: 'not-deployed' } } });
    world.deploy().down.add(B);
    const outcome = await world.run('init', '--primary', A, '--json');
    expect(outcome).toMatchObject({ code: 4, json: { error: { code: 'unreachable' } } });
    expect(outcome.json.error.message).toContain(B);
  });
});

describe('status', () => {
  it('is well when it is', async () => {
    const world = await new World().deploy().init();
    await markLinks(world);
    const { code, json } = await world.run('status', '--json');
    expect(json.attention).toEqual([]);
    expect(code).toBe(0);
    expect(json).toMatchObject({ set: 'cities', healthy: true, primary: { member: A, epoch: 1 } });
    expect(json.links.filter((l: { source: string }) => l.source === A)).toMatchObject([
      { target: B, state: 'idle', lagMs: 120, deadLetters: 0 },
      { target: C, state: 'idle', lagMs: 120, deadLetters: 0 },
    ]);
    expect(json.links.filter((l: { state: string }) => l.state === 'standby')).toHaveLength(4);
    const text = await world.run('status');
    expect(text.stdout).toContain(`${A} → ${B}`);
    expect(text.stdout).not.toContain(`${B} → ${A}`);
    expect((await world.run('status', '--all')).stdout).toContain(`${B} → ${A}`);
  });

  it('says that nothing is initialised', async () => {
    const { code, json } = await new World().deploy().run('status', '--json');
    expect(code).toBe(3);
    expect(json.attention.map((a: { code: string }) => a.code)).toEqual(['not-initialised']);
  });

  it('tells what is wrong, each with its code', async () => {
    const world = await new World().deploy().init();
    const { control } = world.context(A).tables;
    const { table, queue } = world.region(A);
    await table.put(control, encodeLink({ target: B, state: 'open', since: NOW - 3_600_000, failing: { since: NOW - 1_000, why: 'transient: ECONNREFUSED' } }));
    await table.put(control, encodeLink({ target: C, state: 'open', since: NOW - 3_600_000 }));
    const behind = { sequence: '2', at: NOW - 20.5 * 3_600_000 };
    await table.put(
      control,
      encodeShard({ id: 's', sent: { sequence: '1', at: NOW - 22 * 3_600_000 }, seen: { sequence: '3', at: NOW - 1_000 }, unsent: [behind] }),
    );
    await deadLetter(world, changes(1));
    const failures = memberNames('cities', world.member(A)).streamFailures;
    await queue.sendBatch(`https://sqs.${A}.amazonaws.com/000000000000/${failures}`, [{ id: '0', body: '{}', group: 'g', dedup: 'd' }]);
    const key = cityKey(7);
    const hash = keyHash(keyText(key, world.context(B).key)).toString('hex');
    await world
      .region(B)
      .table.put(
        world.context(B).tables.control,
        encodeRefused(hash, { key, reason: 'too large', position: position(1, '5'), link: A, since: NOW, tried: NOW }),
      );
    world.region(C).deleteTable(world.context(C).tables.items);
    world.region(C).createTable({ name: world.context(C).tables.items, key: world.context(C).key, stream: true });

    const { code, json, stdout } = await world.run('status', '--json');
    expect(code).toBe(3);
    expect(json.healthy).toBe(false);
    expect(json.attention.map((a: { code: string }) => a.code).sort()).toEqual(
      ['dead-letters', 'fanout-behind', 'foreign-table', 'link-failing', 'link-stalled', 'refused', 'stream-failures'].sort(),
    );
    expect(JSON.parse(stdout)).toEqual(json);
    expect((await world.run('status')).stdout).toContain('ECONNREFUSED');
  });

  it('sees a stream that was replaced, and one that is gone', async () => {
    const world = await new World().deploy().init();
    await markLinks(world);
    const table = world.region(A).tableNamed(world.context(A).tables.items);
    table.disableStream(world.clock.now());
    expect((await world.run('status', '--json')).json.attention).toMatchObject([{ code: 'no-stream', member: A }]);
    world.clock.wall += 1_000;
    table.enableStream(world.clock.now());
    expect((await world.run('status', '--json')).json.attention).toMatchObject([{ code: 'foreign-stream', member: A }]);
  });

  it('sees a member without a seat among others', async () => {
    const world = await new World().deploy().init();
    await markLinks(world);
    const { control } = world.context(B).tables;
    await world.region(B).table.delete(control, { pk: { S: 'self' }, sk: { S: 'seat' } });
    expect((await world.run('status', '--json')).json.attention).toMatchObject([{ code: 'no-seat', member: B }]);
  });

  it('shows one region that is down and still tells the rest', async () => {
    const world = await new World().deploy().init();
    await markLinks(world);
    world.down.add(C);
    const { code, json } = await world.run('status', '--json');
    expect(code).toBe(3);
    expect(json.members.map((m: { role: string }) => m.role)).toEqual(['primary', 'secondary', 'unreachable']);
    expect(json.attention).toMatchObject([{ code: 'unreachable', member: C }]);
  });

  it('cannot reach anything: 4; nothing is deployed: 1', async () => {
    const world = new World();
    expect(await world.run('status', '--json')).toMatchObject({ code: 1, json: { error: { code: 'not-deployed' } } });
    for (const region of REGIONS) world.down.add(region);
    expect(await world.run('status', '--json')).toMatchObject({ code: 4, json: { error: { code: 'unreachable' } } });
  });

  it('sees an old primary and a fence that is behind', async () => {
    const world = await new World().deploy().init();
    await markLinks(world);
    const { table } = world.region(A);
    const { seat } = await readSelf(table, world.context(A).tables.control);
    const { seat: other } = await readSelf(world.region(B).table, world.context(B).tables.control);
    if (seat === undefined || other === undefined) throw new Error('no seat');
    await table.put(world.context(A).tables.control, encodeSeat({ ...seat, own: 3, fence: 3 }));
    await world.region(B).table.put(world.context(B).tables.control, encodeSeat({ ...other, own: 1, fence: 1 }));
    const { json } = await world.run('status', '--json');
    expect(json.primary).toEqual({ member: A, epoch: 3 });
    expect(json.attention.map((a: { code: string; member: string }) => `${a.code} ${a.member}`)).toContain(`old-primary ${B}`);
    expect(json.attention.map((a: { code: string; member: string }) => `${a.code} ${a.member}`)).toContain(`fence-behind ${C}`);
  });

  it('reports a row of an unknown format, and does not guess', async () => {
    const world = await new World().deploy().init();
    const { control } = world.context(B).tables;
    await world.region(B).table.put(control, { pk: { S: 'self' }, sk: { S: 'seat' }, f: { N: '9' } });
    const { code, json } = await world.run('status', '--json');
    expect(code).toBe(3);
    expect(json.attention.some((a: { message: string }) => a.message.includes('format 9'))).toBe(true);
  });
});

describe('dlq', () => {
  it('lists what it can see, gives everything back, and says what it cannot see', async () => {
    const world = await new World().deploy().init();
    for (let id = 0; id < 12; id += 1) await deadLetter(world, changes(id), 3, 'ItemTooLarge');
    await deadLetter(world, 'not a message', 5);
    const { code, json } = await world.run('dlq', 'list', '--json');
    expect(code).toBe(3);
    expect(json.count).toBe(13);
    // Ten of lane 3, the two behind them wait; and the one of lane 5.
    expect(json.letters).toHaveLength(11);
    expect(json.letters.filter((l: { lane: string }) => l.lane === 'lane-3').map((l: { keys: unknown[] }) => l.keys[0])).toEqual(
      Array.from({ length: 10 }, (_, id) => cityKey(id)),
    );
    expect(json.letters.find((l: { lane: string }) => l.lane === 'lane-5')).toMatchObject({ kind: 'unreadable' });
    expect(json.letters[0]).toMatchObject({ reason: 'ItemTooLarge', refusedAt: NOW - 60_000, link: `${A}:${B}`, epoch: 1 });
    const depth = await world.region(A).queue.depth(world.link(A, B).dlqUrl);
    expect(depth).toEqual({ visible: 13, inFlight: 0, delayed: 0 });
    const text = await world.run('dlq', 'list');
    expect(text.stdout).toContain('11 of 13 are shown');
    expect(text.stdout).toContain('country=DE,cityId=0');
  });

  it('is empty: 0', async () => {
    const world = await new World().deploy().init();
    expect(await world.run('dlq', 'list')).toMatchObject({ code: 0, stdout: 'No dead letters.\n' });
    expect((await world.run('dlq', 'list', '--link', `${A}:${B}`, '--json')).json.links).toHaveLength(1);
  });

  it('shows one by the beginning of its id, decoded', async () => {
    const world = await new World().deploy().init();
    await deadLetter(world, changes(9), 3, 'bad index key');
    const { json: list } = await world.run('dlq', 'list', '--json');
    const id: string = list.letters[0].id;
    const shown = await world.run('dlq', 'show', id.slice(0, 8), '--json');
    expect(shown).toMatchObject({ code: 0, json: { id, reason: 'bad index key', message: { kind: 'changes', changes: [{ q: '123', i: city(9, 'x') }] } } });
    expect((await world.run('dlq', 'show', id)).stdout).toContain('"cityId"');
    expect(await world.run('dlq', 'show', 'zzzzzzzz', '--json')).toMatchObject({ code: 1, json: { error: { code: 'no-such-letter' } } });
    expect(await world.run('dlq', 'show', 'x', '--json')).toMatchObject({ code: 2, json: { error: { code: 'bad-id' } } });
  });

  it('redrives into the lanes, names what cannot be read, and leaves it there to be shown', async () => {
    const world = await new World().deploy().init();
    for (let id = 0; id < 12; id += 1) await deadLetter(world, changes(id), 3, 'ItemTooLarge');
    await deadLetter(world, 'not a message', 3);
    const foreign = encodeMessage({ set: 'other', epoch: 1, source: A, lane: 0, lanes: 16, sent: NOW, kind: 'resync', mode: 'repair', keys: [] }) as string;
    await deadLetter(world, foreign, 4);
    const { code, json } = await world.run('dlq', 'redrive', '--json');
    expect(code).toBe(3);
    const link = json.links.find((l: { link: string }) => l.link === `${A}:${B}`);
    expect(link).toMatchObject({ redriven: 12, keys: 12 });
    expect(link.unreadable.map((l: { problem: string }) => l.problem)).toEqual(
      expect.arrayContaining([expect.stringContaining('unknown format'), expect.stringContaining('"other"')]),
    );
    expect(link.unreadable).toHaveLength(2);
    const keys = world
      .region(A)
      .messages(nameOf(world.link(A, B).queueUrl))
      .flatMap((m) => {
        const decoded = decodeMessage(m.body);
        return decoded.kind === 'resync' ? decoded.keys.map((k) => k.k) : [];
      });
    expect(keys).toHaveLength(12);
    expect(await world.region(A).queue.depth(world.link(A, B).dlqUrl)).toEqual({ visible: 2, inFlight: 0, delayed: 0 });
    for (const { id } of link.unreadable) expect((await world.run('dlq', 'show', id, '--json')).code).toBe(0);
    const text = await world.run('dlq', 'redrive', '--link', `${A}:${B}`);
    expect(text.code).toBe(3);
    expect(text.stdout).toContain(link.unreadable[0].id);
    expect(await world.run('dlq', 'redrive', '--link', `${A}:${C}`)).toMatchObject({ code: 0 });
    expect(await world.run('dlq', 'redrive', '--link', `${B}:${C}`, '--json')).toMatchObject({ code: 2, json: { error: { code: 'not-primary' } } });
  });

  it('lets no dead letter go whose resync was not stored', async () => {
    const world = await new World().deploy().init();
    await deadLetter(world, changes(1), 3, 'x');
    const { queueUrl, dlqUrl } = world.link(A, B);
    world.cloud.hook = (call) =>
      call.op === 'sendBatch' && call.resources.includes(nameOf(queueUrl)) ? { failEntry: () => ({ code: 'InternalError', message: 'no' }) } : undefined;
    const { code, json } = await world.run('dlq', 'redrive', '--link', `${A}:${B}`, '--json');
    expect(code).toBe(3);
    expect(json.links[0]).toMatchObject({ redriven: 0, stopped: expect.stringContaining('could not be sent') });
    expect((await world.region(A).queue.depth(dlqUrl)).visible + (await world.region(A).queue.depth(dlqUrl)).inFlight).toBe(1);
  });

  it('refuses links that are none', async () => {
    const world = await new World().deploy().init();
    for (const link of [A, `${A}:${A}`, `${A}:mars`, `${A}:${B}:${C}`]) expect((await world.run('dlq', 'list', '--link', link, '--json')).code).toBe(2);
    expect((await world.run('dlq', 'list', '--limit', '0', '--json')).code).toBe(2);
  });
});

describe('resync', () => {
  const sent = (world: World, target: string): LaneMessage[] =>
    world
      .region(A)
      .messages(nameOf(world.link(A, target).queueUrl))
      .map((m) => decodeMessage(m.body));

  it('sends each key down its lane on every link, in the epoch of the seat', async () => {
    const world = await new World().deploy().init();
    const { code, json } = await world.run('resync', 'country=DE,cityId=1', 'country=DE,cityId=1.0', 'country=FR,cityId=2', '--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({ primary: A, epoch: 1, keys: 2 });
    for (const target of [B, C]) {
      const messages = sent(world, target);
      expect(messages.flatMap((m) => (m.kind === 'resync' ? m.keys.map((k) => k.k) : []))).toHaveLength(2);
      for (const m of messages) {
        expect(m).toMatchObject({ kind: 'resync', mode: 'repair', epoch: 1, source: A, lanes: 16, set: 'cities' });
        if (m.kind === 'resync') for (const { k } of m.keys) expect(laneOf(keyHash(keyText(k, world.context(A).key)), 16)).toBe(m.lane);
      }
    }
    expect(sent(world, B)).toHaveLength(world.region(A).messages(nameOf(world.link(A, C).queueUrl)).length);
  });

  it('only one link, and only one of the primary', async () => {
    const world = await new World().deploy().init();
    expect(await world.run('resync', 'country=DE,cityId=1', '--link', `${A}:${C}`)).toMatchObject({ code: 0 });
    expect(sent(world, B)).toHaveLength(0);
    expect(sent(world, C)).toHaveLength(1);
    expect(await world.run('resync', 'country=DE,cityId=1', '--link', `${B}:${C}`, '--json')).toMatchObject({
      code: 2,
      json: { error: { code: 'not-primary' } },
    });
  });

  it('waits until the targets are equal', async () => {
    const world = await new World().deploy().init();
    await world.put(A, city(1, 'Berlin'));
    await world.put(B, city(1, 'Bonn'));
    // Somebody applies after a few looks; an item that differs in Syncline's own attribute only is equal.
    let looks = 0;
    world.clock.onSleep = async () => {
      looks += 1;
      if (looks === 3) for (const region of [B, C]) await world.put(region, { ...city(1, 'Berlin'), _s: { M: { r: { B: 'AQ==' } } } });
    };
    const { code, json } = await world.run('resync', 'country=DE,cityId=1', '--wait', '--json');
    expect(code).toBe(0);
    expect(looks).toBeGreaterThanOrEqual(3);
    expect(json.verdicts).toMatchObject([{ state: 'equal' }, { state: 'equal' }]);
  });

  it('ends with 3 when time is up, or the target refuses', async () => {
    const world = await new World().deploy().init();
    await world.put(A, city(1, 'Berlin'));
    await world.put(C, city(1, 'Berlin'));
    const late = await world.run('resync', 'country=DE,cityId=1', '--wait', '--timeout', '5', '--json');
    expect(late).toMatchObject({ code: 3, json: { equal: false } });
    expect(late.json.verdicts.map((v: { state: string }) => v.state)).toEqual(['different', 'equal']);

    const { control } = world.context(B).tables;
    const key = cityKey(1);
    const hash = keyHash(keyText(key, world.context(B).key)).toString('hex');
    const row = (tried: number) => encodeRefused(hash, { key, reason: 'too large', position: position(1, '5'), link: A, since: NOW, tried });
    // Refused earlier: that says nothing of this resync. Refused again after it was sent: that does.
    await world.region(B).table.put(control, row(NOW - 1));
    world.clock.onSleep = async () => void (await world.region(B).table.put(control, row(NOW + 1)));
    const refused = await world.run('resync', 'country=DE,cityId=1', '--wait', '--json');
    expect(refused.code).toBe(3);
    expect(refused.json.verdicts[0]).toMatchObject({ state: 'refused', reason: 'too large' });
  });

  it('sends nothing when the deployed functions mean other lanes or keys', async () => {
    const world = await new World().deploy().init();
    world.deployed = JSON.stringify({ ...world.config, lanes: 8 });
    const outcome = await world.run('resync', 'country=DE,cityId=1', '--json');
    expect(outcome).toMatchObject({ code: 2, json: { error: { code: 'config-mismatch' } } });
    expect(outcome.json.error.message).toContain('--lanes 8');
    expect(sent(world, B)).toHaveLength(0);
    world.deployed = undefined;
    expect(await world.run('resync', 'country=DE,cityId=1', '--json')).toMatchObject({ code: 1, json: { error: { code: 'not-deployed' } } });
  });

  it('needs a primary and right keys', async () => {
    const world = new World().deploy();
    expect(await world.run('resync', 'country=DE,cityId=1', '--json')).toMatchObject({ code: 1, json: { error: { code: 'not-initialised' } } });
    await world.init();
    expect(await world.run('resync', 'city=1', '--json')).toMatchObject({ code: 2, json: { error: { code: 'invalid-key' } } });
    const many = Array.from({ length: 101 }, (_, i) => `country=DE,cityId=${i}`);
    expect(await world.run('resync', ...many, '--json')).toMatchObject({ code: 2, json: { error: { code: 'too-many-keys' } } });
    world.down.add(A);
    expect(await world.run('resync', 'country=DE,cityId=1', '--json')).toMatchObject({ code: 4, json: { error: { code: 'unreachable' } } });
  });

  it('says which sends were not surely stored', async () => {
    const world = await new World().deploy().init();
    world.cloud.hook = (call) => (call.op === 'sendBatch' ? { failEntry: () => ({ code: 'InternalError', message: 'try again' }) } : undefined);
    const outcome = await world.run('resync', 'country=DE,cityId=1', '--json');
    expect(outcome.code).toBe(4);
    expect(outcome.json.error.message).toContain('not surely stored');
  });
});

describe('refused list', () => {
  it('lists them with their reasons', async () => {
    const world = await new World().deploy().init();
    expect(await world.run('refused', 'list')).toMatchObject({ code: 0, stdout: 'No refused keys.\n' });
    const key = { country: { S: 'evil\u001b[31m' }, cityId: { N: '7' } };
    const hash = keyHash(keyText(key, world.context(B).key)).toString('hex');
    await world
      .region(B)
      .table.put(
        world.context(B).tables.control,
        encodeRefused(hash, { key, reason: 'too large', position: position(1, '5'), link: A, since: NOW - 7_200_000, tried: NOW }),
      );
    const { code, json } = await world.run('refused', 'list', '--json');
    expect(code).toBe(3);
    expect(json.refused).toMatchObject([{ member: B, link: `${A}:${B}`, key, reason: 'too large', position: '1/5' }]);
    const text = (await world.run('refused', 'list')).stdout;
    expect(text).toContain('2 h ago');
    expect(text).not.toContain('\u001b');
    expect((await world.run('refused', 'list', '--link', `${C}:${B}`, '--json')).json.refused).toEqual([]);
  });
});

describe('endpoints', () => {
  it('names everything of each member', async () => {
    const world = new World().deploy();
    const { code, json } = await world.run('endpoints', '--json');
    expect(code).toBe(0);
    expect(json.members).toHaveLength(3);
    expect(json.members[0]).toMatchObject({
      member: A,
      region: A,
      account: '000000000000',
      apiUrl: `https://syncline-cities-${A}-g1-app.${A}.example/v1`,
      tables: { items: `syncline-cities-${A}-g1-items`, tombstones: `syncline-cities-${A}-g1-tombstones`, control: `syncline-cities-${A}-g1-control` },
      queues: { [B]: { url: world.link(A, B).queueUrl, dlqUrl: world.link(A, B).dlqUrl }, [C]: { url: world.link(A, C).queueUrl } },
    });
    expect((await world.run('endpoints')).stdout).toContain(world.link(A, B).dlqUrl);
  });
});
