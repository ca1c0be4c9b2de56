import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contextOf } from '../../local/build.ts';
import { environmentOf, regionsProblem } from '../../local/cloud.ts';
import { plainEnvironment } from '../../local/command.ts';
import { shellLine } from '../../local/demo/report.ts';
import { afterFault, FAULTS } from '../../local/faults.ts';
import { temporaryRoot } from '../../local/paths.ts';
import { identify } from '../../local/processes.ts';
import { isNewEnough } from '../../local/python.ts';
import { type CloudRecord, isInUse } from '../../local/record.ts';
import { type RegionSettings, regionEnvironment } from '../../local/region.ts';
import { signedRegion } from '../../local/router.ts';
import { hasSeed, keepSeed, plantSeed } from '../../local/seed.ts';
import { duration, showSteps } from '../../local/steps.ts';

describe('faults', () => {
  test('lead from state to state', () => {
    expect(afterFault('r', 'up', 'freeze')).toBe('frozen');
    expect(afterFault('r', 'frozen', 'resume')).toBe('up');
    expect(afterFault('r', 'frozen', 'stop')).toBe('stopped');
    expect(afterFault('r', 'stopped', 'start')).toBe('up');
    expect(afterFault('r', 'frozen', 'kill')).toBe('killed');
    expect(afterFault('r', 'killed', 'start')).toBe('up');
  });

  test('that make no sense are refused with what is possible', () => {
    expect(() => afterFault('us-east-1', 'stopped', 'freeze')).toThrow('Cannot freeze us-east-1: it is stopped. Possible now: start, kill.');
    expect(() => afterFault('us-east-1', 'up', 'start')).toThrow('Possible now: freeze, stop, kill.');
    for (const fault of FAULTS) expect(() => afterFault('r', 'starting', fault)).toThrow('Wait until it is up');
  });
});

describe('regions', () => {
  test('are checked by name, number and repetition', () => {
    expect(regionsProblem(['eu-central-1', 'us-gov-west-1'])).toBeUndefined();
    expect(regionsProblem([])).toMatch('1 to 8');
    expect(regionsProblem(['eu-central'])).toMatch('"eu-central" is not the name of a region');
    expect(regionsProblem(['eu-west-1', 'eu-west-1'])).toMatch('named twice');
    expect(regionsProblem(Array.from({ length: 9 }, (_, i) => `eu-west-${i}`))).toMatch('got 9');
  });

  test('give commands their own environment, and a clear message when there is no such region', () => {
    const endpoints = { 'eu-west-1': 'http://127.0.0.1:1' };
    expect(environmentOf(endpoints, 'eu-west-1')).toMatchObject({
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
    });
    expect(() => environmentOf(endpoints, 'us-east-1')).toThrow('its regions are eu-west-1');
  });
});

describe("a region's environment", () => {
  const settings: RegionSettings = {
    region: 'eu-west-1',
    port: 4711,
    directory: '/somewhere/eu-west-1',
    endpoints: { 'eu-west-1': 'http://127.0.0.1:4711' },
    owner: 42,
    extra: { MORE: '1' },
  };
  const own = { PATH: '/usr/bin', HOME: '/somewhere/me', AWS_PROFILE: 'production', AWS_SESSION_TOKEN: 'secret', NODE_OPTIONS: '--inspect' };

  test('has nothing of a real account in it', () => {
    const environment = regionEnvironment(settings, own, '/node/bin');
    expect(Object.keys(environment)).not.toContain('AWS_PROFILE');
    expect(Object.values(environment)).not.toContain('secret');
    expect(Object.keys(plainEnvironment(own)).sort()).toEqual(['HOME', 'PATH']);
  });

  test("listens to this machine only, runs functions on the project's Node, and knows every region and its owner", () => {
    expect(regionEnvironment(settings, own, '/node/bin')).toMatchObject({
      BIND_HOST: '127.0.0.1',
      PATH: '/node/bin:/usr/bin',
      SYNCLINE_ENDPOINTS: '{"eu-west-1":"http://127.0.0.1:4711"}',
      SYNCLINE_LOCAL_OWNER: '42',
      TMPDIR: '/somewhere/eu-west-1/tmp',
      MORE: '1',
    });
    expect(Object.keys(regionEnvironment({ ...settings, owner: undefined }, own, '/n'))).not.toContain('SYNCLINE_LOCAL_OWNER');
  });
});

describe('temporary files', () => {
  test('are never put under a package.json', () => {
    const top = realpathSync(mkdtempSync(join(tmpdir(), 'syncline-test-')));
    try {
      const under = join(top, 'project', 'tmp');
      const free = join(top, 'free');
      mkdirSync(under, { recursive: true });
      mkdirSync(free);
      writeFileSync(join(top, 'project', 'package.json'), '{"type":"module"}');
      expect(temporaryRoot([under, free])).toBe(free);
      expect(() => temporaryRoot([under, join(top, 'missing')])).toThrow('Set TMPDIR');
    } finally {
      rmSync(top, { recursive: true });
    }
  });
});

describe('seeds', () => {
  test('carry the state of one region to another that starts, and nothing but the state', () => {
    const region = `xx-test-${process.pid}`;
    const from = mkdtempSync(join(tmpdir(), 'syncline-test-'));
    const to = mkdtempSync(join(tmpdir(), 'syncline-test-'));
    let seed: string | undefined;
    try {
      plantSeed(region, to);
      expect(readdirSync(to)).toEqual([]);
      for (const name of ['state', 'tmp']) mkdirSync(join(from, name));
      writeFileSync(join(from, 'state', 'iam.json'), '{}');
      seed = keepSeed(region, from);
      expect(hasSeed(region)).toBe(true);
      plantSeed(region, to);
      expect(readdirSync(to, { recursive: true }).sort()).toEqual(['state', 'state/iam.json']);
    } finally {
      for (const directory of [from, to, ...(seed === undefined ? [] : [seed])]) rmSync(directory, { recursive: true, force: true });
    }
  });
});

describe('Python', () => {
  test.each([
    ['3.9', false],
    ['3.10', true],
    ['3.14\n', true],
    ['2.7', false],
    ['4.0', true],
    ['', false],
  ])('%j is new enough: %s', (version, enough) => {
    expect(isNewEnough(version)).toBe(enough);
  });
});

describe('the router', () => {
  test('finds the region in a signature of either kind', () => {
    expect(signedRegion('AWS4-HMAC-SHA256 Credential=AKID/20261124/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0', '/')).toBe('us-east-1');
    expect(signedRegion(undefined, '/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20261124%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=1')).toBe(
      'eu-west-1',
    );
    expect(signedRegion(undefined, '/b/k?X-Amz-Credential=AKID/20261124/eu-west-1/s3/aws4_request')).toBe('eu-west-1');
    expect(signedRegion('Bearer x', '/')).toBeUndefined();
  });
});

describe('the app’s context', () => {
  test('is text, as the command takes it', () => {
    expect(contextOf({ set: 'cities', regions: ['a', 'b'], keys: 'k:S', context: { lanes: '4' } })).toEqual({
      set: 'cities',
      regions: 'a,b',
      keys: 'k:S',
      account: '000000000000',
      lanes: '4',
    });
  });
});

describe('whether a cloud is in use', () => {
  const me = identify(process.pid);
  if (me === undefined) throw new Error('This process does not find itself.');
  const gone = { pid: me.pid, started: 'another time' };
  const record = (part: Partial<CloudRecord>): CloudRecord => ({
    format: 1,
    name: 'n',
    directory: '/d',
    regions: { r: { port: 1, state: 'up', process: gone } },
    ...part,
  });

  test('its owner decides, and an id that was given to another process is no owner', () => {
    expect(isInUse(record({ owner: me }))).toBe(true);
    expect(isInUse(record({ owner: gone }))).toBe(false);
  });

  test('without an owner its processes decide, unless all were stopped on purpose', () => {
    expect(isInUse(record({}))).toBe(false);
    expect(isInUse(record({ regions: { r: { port: 1, state: 'up', process: me } } }))).toBe(true);
    expect(isInUse(record({ regions: { r: { port: 1, state: 'stopped' } } }))).toBe(true);
  });
});

describe('what is shown', () => {
  test.each([
    [5, '5 ms'],
    [999.7, '1000 ms'],
    [1_234, '1.2 s'],
    [125_000, '2 min 5 s'],
  ])('%d ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  test('a step is one line where there is no terminal, a failed one says so', () => {
    let text = '';
    const steps = showSteps({ isTTY: false, write: (more) => (text += more) });
    const first = steps.begin('First');
    steps.begin('Second');
    first('all of it');
    first('again');
    steps.fail();
    expect(text).toMatch(/^✓ First +\d+ ms {2}all of it\n✗ Second +\d+ ms\n$/);
  });

  test('a command survives the shell', () => {
    expect(shellLine(['curl', '-H', 'a: b', "it's", 'http://h/?a=1&b=2', 'local:local'])).toBe(`curl -H 'a: b' 'it'\\''s' 'http://h/?a=1&b=2' local:local`);
    fc.assert(
      fc.property(fc.string(), (arg) => {
        const shown = shellLine([arg === '' ? 'x' : arg]);
        expect(/^[\w./:@=+-]+$/.test(shown) || (shown.startsWith("'") && shown.endsWith("'"))).toBe(true);
      }),
    );
  });
});
