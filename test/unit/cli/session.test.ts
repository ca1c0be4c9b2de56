import { describe, expect, it } from 'vitest';
import { setConfigOf } from '../../../cli/context.ts';
import { main } from '../../../cli/program.ts';
import type { Outside } from '../../../cli/session.ts';
import type { Json } from './world.ts';
import { collect, World } from './world.ts';

/** How a command finds its set and its cloud when little or nothing is said. */
async function endpoints(
  outside: Partial<Outside>,
  ...args: string[]
): Promise<{ code: number; json: Json; stderr: string; asked: [string, string | undefined, boolean][] }> {
  const world = new World();
  const asked: [string, string | undefined, boolean][] = [];
  const base = world.outside();
  const connect: Outside['connect'] = (region, endpoint, local) => {
    asked.push([region, endpoint, local]);
    return (outside.connect ?? base.connect)(region, endpoint, local);
  };
  const stdout = collect();
  const stderr = collect();
  const code = await main(['endpoints', '--json', ...args], { ...base, ...outside, connect }, stdout.stream, stderr.stream);
  return { code, json: JSON.parse(stdout.text()), stderr: stderr.text(), asked };
}

const account = '123456789012';
const deployed = setConfigOf({ set: 'orders', regions: 'eu-west-1,us-east-2', keys: 'id:S', account: '000000000000' });
const localCloud = () => ({ endpoints: { 'eu-west-1': 'http://127.0.0.1:1', 'us-east-2': 'http://127.0.0.1:2' }, deployed: JSON.stringify(deployed) });
const members = (json: Json): string[] => json.members.map((m: { member: string }) => m.member);

describe('openSession', () => {
  it('takes the set that the running local cloud holds, and says so', async () => {
    const { code, json, stderr, asked } = await endpoints({ localCloud });
    expect(code).toBe(0);
    expect(json.set).toBe('orders');
    expect(members(json)).toEqual(['eu-west-1', 'us-east-2']);
    expect(json.members[0].endpoint).toBe('http://127.0.0.1:1');
    expect(stderr).toContain('local cloud');
    expect(asked).toEqual([
      ['eu-west-1', 'http://127.0.0.1:1', true],
      ['us-east-2', 'http://127.0.0.1:2', true],
    ]);
  });

  it('goes by what was named instead, and knows when the local cloud lacks it', async () => {
    expect(await endpoints({ localCloud }, '--set', 'other', '--regions', 'eu-west-1')).toMatchObject({ code: 0, json: { set: 'other' } });
    expect(await endpoints({ localCloud }, '--regions', 'eu-central-1')).toMatchObject({
      code: 2,
      json: { error: { code: 'unknown-region', message: expect.stringContaining('eu-west-1, us-east-2') } },
    });
    const aws = await endpoints({ localCloud }, '--aws', '--account', account, '--regions', 'eu-central-1');
    expect(aws).toMatchObject({ code: 0, stderr: '', asked: [['eu-central-1', undefined, false]] });
  });

  it('ignores a record whose configuration this version cannot read', async () => {
    const broken = () => ({ ...localCloud(), endpoints: { 'eu-central-1': 'http://127.0.0.1:1' }, deployed: '{"set":' });
    expect(await endpoints({ localCloud: broken }, '--regions', 'eu-central-1')).toMatchObject({ code: 0, json: { set: 'cities' } });
  });

  it('asks AWS for the account that holds the stack; the environment and --account go first', async () => {
    const world = new World();
    const connect =
      (held: string | undefined): Outside['connect'] =>
      async (region, endpoint, local) => ({
        ...(await world.outside().connect(region, endpoint, local)),
        stacks: { account: async () => held, apiUrl: async () => 'https://api.example/v1', deployedConfig: async () => undefined },
      });
    const accounts = (json: Json): string => json.members[0].account;
    expect(accounts((await endpoints({ connect: connect(account) })).json)).toBe(account);
    expect(accounts((await endpoints({ connect: connect(account), env: { CDK_DEFAULT_ACCOUNT: '111111111111' } })).json)).toBe('111111111111');
    expect(accounts((await endpoints({ connect: connect(account), env: { CDK_DEFAULT_ACCOUNT: '111111111111' } }, '--account', '222222222222')).json)).toBe(
      '222222222222',
    );
    expect(await endpoints({ connect: connect(undefined) })).toMatchObject({ code: 1, json: { error: { code: 'not-deployed' } } });
  });

  it('never lets credentials of an account go to this machine: such endpoints are opened as local', async () => {
    const { asked } = await endpoints({ env: { AWS_ENDPOINT_URL: 'http://localhost:4566' } }, '--regions', 'eu-central-1');
    expect(asked).toEqual([['eu-central-1', 'http://localhost:4566', true]]);
  });
});

describe('time', () => {
  it('ends a command that does not end by itself', async () => {
    const never: Outside['connect'] = () => new Promise(() => undefined);
    const begun = performance.now();
    const { code, json } = await endpoints({ connect: never }, '--account', account, '--timeout', '0.01');
    expect({ code, error: json.error.code }).toEqual({ code: 4, error: 'timeout' });
    expect(performance.now() - begun).toBeLessThan(15_000);
  }, 20_000);
});
