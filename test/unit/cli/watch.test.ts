import { describe, expect, it } from 'vitest';
import { cut } from '../../../cli/views/screen.ts';
import { encodeLink } from '../../../lib/core/formats/rows.ts';
import type { SetStatus } from '../../../lib/status/judge.ts';
import { lostSince, ratesOf } from '../../../lib/status/rates.ts';
import type { Json } from './world.ts';
import { NOW, REGIONS, World } from './world.ts';

const [A, B, C] = REGIONS;

/** Ends the live view after so many pauses; what happens in each pause is up to the test. */
function endAfter(world: World, pauses: number, during: (pause: number) => Promise<void> | void = () => undefined): void {
  let stop = (): void => undefined;
  world.onListen = (given) => {
    stop = given;
  };
  let seen = 0;
  world.clock.onSleep = async () => {
    seen += 1;
    await during(seen);
    if (seen === pauses) stop();
  };
}

async function healthy(world: World): Promise<void> {
  for (const target of [B, C]) {
    const row = encodeLink({ target, state: 'open', since: NOW - 3_600_000, mark: { sent: NOW - 5_000, arrived: NOW - 4_900 } });
    await world.region(A).table.put(world.context(A).tables.control, row);
  }
}

const send = async (world: World, id: string): Promise<void> => {
  await world.region(A).queue.sendBatch(world.link(A, B).queueUrl, [{ id, body: 'x', group: `lane-${id}`, dedup: id }]);
};

const lines = (text: string): Json[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('status --watch', () => {
  it('takes a reading each interval until it is ended, and ends with the code of the last one', async () => {
    const world = await new World().deploy().init();
    await healthy(world);
    endAfter(world, 3, async (pause) => {
      await send(world, String(pause));
    });
    const { code, stdout } = await world.run('status', '--watch', '--interval', '2', '--json');
    expect(code).toBe(0);
    const readings = lines(stdout);
    expect(readings.map((r) => r.at)).toEqual([NOW, NOW + 2_000, NOW + 4_000]);
    expect(readings[0].rates).toEqual([]);
    expect(readings[1].rates).toContainEqual({ link: `${A}:${B}`, growthPerS: 0.5 });
    expect(readings[2].links.find((l: Json) => l.source === A && l.target === B).queue.visible).toBe(2);
  });

  it('shows a region that is lost, since when, and goes on when it is back', async () => {
    const world = await new World().deploy().init();
    await healthy(world);
    endAfter(world, 40, (pause) => {
      // Reads of a region that does not answer sleep, too, between their attempts.
      if (pause === 1) world.down.add(B);
      if (pause === 20) world.down.delete(B);
    });
    const { code, stdout } = await world.run('status', '--watch', '--json');
    const readings = lines(stdout);
    const role = (r: Json): string => r.members.find((m: Json) => m.member === B).role;
    const lost = readings.filter((r) => role(r) === 'unreachable');
    expect(lost.length).toBeGreaterThan(1);
    expect(new Set(lost.map((r) => r.lostSince[B])).size).toBe(1);
    expect(role(readings.at(-1))).toBe('secondary');
    expect(readings.at(-1).lostSince).toEqual({});
    expect(code).toBe(0);
  });

  it('does not crash when no region answers: that is its last state', async () => {
    const world = await new World().deploy().init();
    for (const region of REGIONS) world.down.add(region);
    let stop = (): void => undefined;
    world.onListen = (given) => {
      stop = given;
    };
    world.clock.onSleep = () => {
      if (world.clock.elapsed() > 20_000) stop();
    };
    const { code, stdout } = await world.run('status', '--watch');
    expect(code).toBe(4);
    expect(stdout).toContain('unreachable for');
  });

  it('writes one picture below the other where stdout is no terminal', async () => {
    const world = await new World().deploy().init();
    await healthy(world);
    endAfter(world, 2);
    const { stdout } = await world.run('status', '--watch');
    expect(stdout.match(/MEMBER/g)).toHaveLength(2);
    expect(stdout).toContain('BREAKER');
    expect(stdout).toContain('closed');
  });

  it('says that the breaker is open, since when', async () => {
    const world = await new World().deploy().init();
    const failing = { since: NOW - 180_000, why: 'transient: ECONNREFUSED' };
    await world.region(A).table.put(world.context(A).tables.control, encodeLink({ target: B, state: 'open', since: NOW - 3_600_000, failing }));
    const text = await world.run('status');
    expect(text.stdout).toContain('open 3 min');
    expect((await world.run('status', '--json')).json.links.find((l: Json) => l.target === B && l.source === A).breaker).toEqual(failing);
  });

  it('ends with 1 when it is ended before the first reading', async () => {
    const world = await new World().deploy().init();
    world.onListen = (stop) => stop();
    // The reading is slower than the person.
    for (const region of REGIONS) world.down.add(region);
    const { code, stderr } = await world.run('status', '--watch');
    expect(code).toBe(1);
    expect(stderr).toContain('before the first reading');
  });

  it('refuses intervals that are none', async () => {
    const world = new World();
    for (const text of ['0', '0.1', 'soon', '99999']) expect((await world.run('status', '--watch', '--interval', text)).code).toBe(2);
  });
});

describe('rates', () => {
  const status = (at: number, visible: number): SetStatus =>
    ({
      set: 's',
      at,
      healthy: true,
      members: [],
      attention: [],
      links: [{ source: 'a', target: 'b', queue: { visible, inFlight: 0, delayed: 0 } }],
    }) as unknown as SetStatus;

  it('say when a draining queue will be empty', () => {
    expect(ratesOf(status(0, 100), status(10_000, 60))).toEqual([{ link: 'a:b', growthPerS: -4, emptyInMs: 15_000 }]);
    expect(ratesOf(status(0, 10), status(10_000, 0))).toEqual([{ link: 'a:b', growthPerS: -1 }]);
    expect(ratesOf(undefined, status(0, 1))).toEqual([]);
    expect(ratesOf(status(5, 1), status(5, 9))).toEqual([]);
  });

  it('keep the time of a loss from reading to reading', () => {
    const members = (role: string, at: number): SetStatus =>
      ({ ...status(at, 0), members: [{ member: 'b', region: 'b', role, refused: 0 }] }) as unknown as SetStatus;
    const first = lostSince(new Map(), members('unreachable', 5));
    expect(lostSince(first, members('unreachable', 9)).get('b')).toBe(5);
    expect(lostSince(first, members('secondary', 9)).size).toBe(0);
  });
});

describe('cut', () => {
  it('keeps the top of a picture that is higher than the terminal, and says so', () => {
    const picture = Array.from({ length: 10 }, (_, i) => `line ${i}`).join('\n');
    expect(cut(picture, 80, 20)).toBe(picture);
    const short = cut(picture, 80, 6).split('\n');
    expect(short.length).toBeLessThan(6);
    expect(short[0]).toBe('line 0');
    expect(short.at(-1)).toContain('6 more lines');
  });

  it('counts what the terminal wraps', () => {
    expect(
      cut(`${'x'.repeat(200)}\nshort\nend`, 80, 5)
        .split('\n')
        .at(-1),
    ).toContain('2 more lines');
  });
});
