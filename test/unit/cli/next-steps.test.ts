import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { againWith, errorSteps, shellWord, statusSteps } from '../../../cli/next-steps.ts';
import type { SetStatus } from '../../../lib/status/judge.ts';
import { cityKey, REGIONS, World } from './world.ts';

const [A, B] = REGIONS;

describe('next_steps', () => {
  it('name the set and the place as the person did', () => {
    const again = againWith({ set: 'orders', regions: 'eu-west-1,us-east-2', keys: 'order id:S', endpoint: ['eu-west-1=http://127.0.0.1:1'], aws: true });
    expect(again('status')).toBe(
      "syncline status --set orders --regions eu-west-1,us-east-2 --keys 'order id:S' --endpoint eu-west-1=http://127.0.0.1:1 --aws",
    );
    expect(againWith({})('status')).toBe('syncline status');
  });

  it('quote words so that a shell reads back the same', () => {
    expect(shellWord('plain-1.2:x=y,/z')).toBe('plain-1.2:x=y,/z');
    const words = fc.sample(
      fc.string({ minLength: 0, maxLength: 20 }).filter((w) => !w.includes('\0')),
      50,
    );
    const read = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(shellWord).join(' ')}`]).toString('utf8');
    expect(read.split('\0').slice(0, -1)).toEqual(words);
  });

  it('follow from what a set’s state needs, once each', () => {
    const status = {
      primary: { member: A, epoch: 1 },
      attention: [
        { code: 'dead-letters', link: `${A}:${B}`, message: '' },
        { code: 'refused', member: A, message: '' },
        { code: 'refused', member: B, message: '' },
        { code: 'no-seat', member: B, message: '' },
        { code: 'link-stalled', message: '' },
      ],
    } as unknown as SetStatus;
    expect(statusSteps(status, againWith({}), false).map((s) => s.command)).toEqual([
      `syncline dlq list --link ${A}:${B}`,
      `syncline dlq redrive --link ${A}:${B}`,
      'syncline refused list',
      `syncline init --primary ${A}`,
    ]);
  });

  it('follow from failures: deploy, init, sign in', () => {
    const steps = (code: string, local = false): string[] => errorSteps(code, againWith({}), local).map((s) => s.command);
    expect(steps('not-deployed')[0]).toBe('npx cdk deploy --all');
    expect(steps('not-deployed', true)[0]).toBe('npm run local -- deploy');
    expect(steps('not-initialised')).toEqual(['syncline init --primary MEMBER']);
    expect(steps('no-credentials')).toEqual(['aws sso login']);
    expect(steps('unreachable', true)).toEqual(['npm run local -- up']);
    expect(steps('usage')).toEqual([]);
  });

  it('are in the documents of the commands, where something follows', async () => {
    const world = new World();
    const before = await world.run('status', '--json');
    expect(before.json).toMatchObject({ error: { code: 'not-deployed' }, next_steps: [{ command: 'npx cdk deploy --all' }, {}] });
    world.deploy();
    const deployed = await world.run('status', '--json');
    expect(deployed.json.next_steps[0].command).toMatch(/^syncline init --primary MEMBER --set cities /);
    const resync = await world.run('resync', 'country=DE,cityId=1', '--json');
    expect(resync.json).toMatchObject({ error: { code: 'not-initialised' }, next_steps: [{ command: expect.stringContaining('init') }] });
    await world.init();
    await world.put(A, { ...cityKey(1) });
    expect((await world.run('resync', 'country=DE,cityId=1', '--json')).json.next_steps[0].command).toContain('status');
    expect((await world.run('dlq', 'list', '--json')).json).not.toHaveProperty('next_steps');
  });
});
