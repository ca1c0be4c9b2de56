import { describe, expect, it } from 'vitest';
import type { Json } from './world.ts';
import { REGIONS, World } from './world.ts';

const [A, B, C] = REGIONS;

describe('announced URLs', () => {
  it('are written into all seats by init, and not again', async () => {
    const world = new World().deploy();
    const first = await world.run('init', '--primary', A, '--json');
    expect(first.json.announced.map((a: Json) => a.done)).toEqual(['written', 'written', 'written']);
    const row = await world.region(C).table.get(world.context(C).tables.control, { pk: { S: 'self' }, sk: { S: 'seat' } });
    const urls = (row as { urls: { M: Record<string, { S: string }> } }).urls.M;
    expect(Object.keys(urls).sort()).toEqual([...REGIONS].sort());
    expect(urls[B]?.S).toBe(`https://syncline-cities-${B}-g1-app.${B}.example/v1`);
    expect(row).toMatchObject({ fence: { N: '1' }, v: { N: '1' } });
    const again = await world.run('endpoints', '--announce', '--json');
    expect(again).toMatchObject({ code: 0 });
    expect(again.json.announced.map((a: Json) => a.done)).toEqual(['kept', 'kept', 'kept']);
  });

  it('keep what is known of a member that cannot be asked, and tell of a seat that cannot be written', async () => {
    const world = await new World().deploy().init();
    expect((await world.run('endpoints', '--announce')).code).toBe(0);
    world.down.add(B);
    world.withoutStacks.add(C);
    const { code, json } = await world.run('endpoints', '--announce', '--json');
    expect(code).toBe(3);
    const by = Object.fromEntries(json.announced.map((a: Json) => [a.member, a]));
    expect(by[A]).toMatchObject({ done: 'kept' });
    expect(Object.keys(by[A].urls)).toHaveLength(3);
    expect(by[B]).toMatchObject({ done: 'failed', kind: 'transient' });
  });

  it('need a seat: without one, init is named', async () => {
    const world = new World().deploy();
    const { code, json } = await world.run('endpoints', '--announce', '--json');
    expect(code).toBe(3);
    expect(json.next_steps[0].command).toContain('init --primary');
  });

  it('survive another announcement at the same time', async () => {
    const world = await new World().deploy().init();
    world.withoutStacks.add(C);
    let meddled = false;
    const { control } = world.context(A).tables;
    const before = world.cloud.hook;
    world.cloud.hook = async (call) => {
      await before?.(call);
      if (meddled || call.region !== A || call.op !== 'update') return;
      meddled = true;
      await world.region(A).table.update(control, { pk: { S: 'self' }, sk: { S: 'seat' } }, { set: { urls: { M: { [C]: { S: 'https://c.example' } } } } });
    };
    const { json } = await world.run('endpoints', '--announce', '--json');
    const a = json.announced.find((x: Json) => x.member === A);
    expect(meddled).toBe(true);
    expect(a.urls).toMatchObject({ [C]: 'https://c.example', [A]: expect.any(String) });
  });
});
