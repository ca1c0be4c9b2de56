import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExact } from '../../../cli/api/exact-json.ts';
import { pathEnd } from '../../../cli/commands/patch.ts';
import { sortCondition } from '../../../cli/commands/query.ts';
import { main } from '../../../cli/program.ts';
import type { KeyAttribute } from '../../../lib/core/key.ts';
import type { Json } from './world.ts';
import { collect, REGIONS, World } from './world.ts';

const [A, B] = REGIONS;

interface Seen {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string;
}

/** APIs that answer what the test says, and tell what they were asked; /health is always well, but for members that are down. */
function serve(world: World, answer: (seen: Seen) => Response | Promise<Response>): Seen[] {
  const asked: Seen[] = [];
  world.api = async (request) => {
    const url = new URL(request.url);
    const region = REGIONS.find((r) => url.hostname.includes(`.${r}.`)) ?? '';
    if (world.down.has(region)) throw new TypeError('fetch failed', { cause: new Error(`connect ECONNREFUSED ${region}`) });
    if (url.pathname.endsWith('/health')) return new Response('{}', { status: 200 });
    const seen = { method: request.method, url, headers: request.headers, body: await request.text() };
    asked.push(seen);
    return answer(seen);
  };
  return asked;
}

const problem = (status: number, code: string, detail: string): Response =>
  new Response(JSON.stringify({ type: `urn:syncline:problem:${code}`, title: 'x', status, detail }), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  });

describe('get', () => {
  it('reads an item, signed, with every digit of its numbers', async () => {
    const world = new World();
    const text = '{"country":"DE","cityId":12345678901234567890123456789012345678,"x":1.10}';
    const asked = serve(
      world,
      () => new Response(text, { status: 200, headers: { etag: '"t"', 'syncline-revision': 'r1', 'syncline-member': B, 'syncline-consistency': 'strong' } }),
    );
    const { code, stdout } = await world.run('get', 'country=DE,cityId=5', '--member', A, '--consistency', 'strong', '--json');
    expect(code).toBe(0);
    expect(stdout).toContain('12345678901234567890123456789012345678');
    expect(stdout).toContain('1.10');
    expect(JSON.parse(stdout)).toMatchObject({ etag: '"t"', revision: 'r1', member: B, consistency: 'strong' });
    expect(asked).toHaveLength(1);
    expect(asked[0]?.url.search).toBe('?country=DE&cityId=5');
    expect(asked[0]?.headers.get('syncline-consistency')).toBe('strong');
    expect(asked[0]?.headers.get('authorization')).toMatch(new RegExp(`^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\\d{8}/${A}/execute-api/`));
    const people = await world.run('get', 'country=DE,cityId=5', '--member', A);
    expect(people.stdout).toContain('"cityId": 12345678901234567890123456789012345678');
    expect(people.stderr).toContain(`answered by ${B}`);
  });

  it('addresses any key: spaces, slashes, commas, unicode, binary', async () => {
    const world = new World('name:S,bytes:B');
    const asked = serve(world, () => new Response('{}', { status: 200 }));
    await world.run('get', 'name=a/b, c=ü%,bytes=+/8=', '--member', A);
    expect(asked[0]?.url.searchParams.get('name')).toBe('a/b, c=ü%');
    expect(asked[0]?.url.searchParams.get('bytes')).toBe('-_8');
  });

  it('ends with 3 when there is no such item', async () => {
    const world = new World();
    serve(world, () => problem(404, 'not-found', 'This member has no item with this key.'));
    const { code, json } = await world.run('get', 'country=DE,cityId=5', '--member', A, '--json');
    expect({ code, error: json.error.code }).toEqual({ code: 3, error: 'not-found' });
    expect((await world.run('get', 'country=DE,cityId=5', '--member', A)).stderr).toContain('no item');
  });

  it('asks the nearest healthy member, and another one when it does not answer', async () => {
    const world = new World();
    world.down.add(A);
    const asked = serve(world, () => new Response('{}', { status: 200 }));
    const { code, stderr } = await world.run('get', 'country=DE,cityId=5');
    expect(code).toBe(0);
    expect(stderr).toContain(`${A} is left out`);
    expect(asked[0]?.url.hostname).not.toContain(A);
    // A member that answers its health, and then does not answer: the next one is asked.
    const flaky = new World();
    let first: string | undefined;
    const calls = serve(flaky, ({ url }) => {
      first ??= url.hostname;
      return url.hostname === first ? problem(503, 'store-unavailable', 'later') : new Response('{}', { status: 200 });
    });
    expect((await flaky.run('get', 'country=DE,cityId=5')).code).toBe(0);
    expect(new Set(calls.map((c) => c.url.hostname)).size).toBe(2);
  });

  it('gives up after a few attempts, and says who could not be reached', async () => {
    const world = new World();
    let calls = 0;
    world.api = () => {
      calls += 1;
      throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 1.2.3.4') });
    };
    const { code, json } = await world.run('get', 'country=DE,cityId=5', '--member', A, '--json');
    expect({ code, error: json.error.code }).toEqual({ code: 4, error: 'unreachable' });
    expect(json.error.message).toContain('ECONNREFUSED 1.2.3.4');
    expect(calls).toBe(4);
  });

  it('sends a token in place of a signature, and tells what to do without one', async () => {
    const world = new World();
    const asked = serve(world, ({ headers }) =>
      headers.get('authorization') === 'Bearer abc' ? new Response('{}', { status: 200 }) : problem(401, 'unauthorized', 'No token.'),
    );
    expect((await world.run('get', 'country=DE,cityId=5', '--member', A, '--token', 'abc')).code).toBe(0);
    world.env['SYNCLINE_TOKEN'] = 'abc';
    expect((await world.run('get', 'country=DE,cityId=5', '--member', A)).code).toBe(0);
    delete world.env['SYNCLINE_TOKEN'];
    const refused = await world.run('get', 'country=DE,cityId=5', '--member', A, '--json');
    expect(refused).toMatchObject({ code: 1, json: { error: { code: 'unauthorized', message: expect.stringContaining('SYNCLINE_TOKEN') } } });
    expect(asked).toHaveLength(3);
  });

  it('takes an API by its URL, and the key from its own description', async () => {
    const world = new World();
    const asked = serve(world, ({ url }) =>
      url.pathname.endsWith('/.well-known/syncline')
        ? new Response(JSON.stringify({ key: { partition: { name: 'id', type: 'S' } } }), { status: 200 })
        : new Response('{}', { status: 200 }),
    );
    const url = 'https://abc.execute-api.eu-west-3.amazonaws.com/v1/';
    expect((await world.run('get', 'id=7', '--url', url)).code).toBe(0);
    expect(asked.at(-1)?.url.href).toBe('https://abc.execute-api.eu-west-3.amazonaws.com/v1/items?id=7');
    expect(asked.at(-1)?.headers.get('authorization')).toContain('/eu-west-3/execute-api/');
    expect(await world.run('get', 'id=7', '--url', 'nonsense', '--json')).toMatchObject({ code: 2, json: { error: { code: 'bad-url' } } });
  });

  it('refuses a consistency that there is not', async () => {
    expect((await new World().run('get', 'country=DE,cityId=5', '--consistency', 'sometimes')).code).toBe(2);
  });
});

describe('put', () => {
  it('writes an item from a file or standard input, once, however often it is tried', async () => {
    const world = new World();
    world.files.set('-', '{"country":"DE","cityId":12345678901234567890123456789012345678}');
    let calls = 0;
    const asked = serve(world, () => {
      calls += 1;
      return calls === 1 ? problem(503, 'busy', 'later') : new Response(null, { status: 201, headers: { etag: '"n"' } });
    });
    const { code, json } = await world.run('put', '--if-none-match', '--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({ done: 'created', etag: '"n"' });
    expect(asked).toHaveLength(2);
    expect(asked[1]?.body).toBe('{"country":"DE","cityId":12345678901234567890123456789012345678}');
    expect(asked[0]?.headers.get('if-none-match')).toBe('*');
    const keys = asked.map((a) => a.headers.get('idempotency-key'));
    expect(keys[0]).toMatch(/^\S{16,}$/);
    expect(keys[1]).toBe(keys[0]);
  });

  it('names what is wrong before anything is sent', async () => {
    const world = new World();
    world.files.set('bad.json', '{"country": DE}');
    const asked = serve(world, () => new Response(null, { status: 204 }));
    expect(await world.run('put', 'bad.json', '--json')).toMatchObject({ code: 2, json: { error: { code: 'bad-json' } } });
    expect(await world.run('put', 'none.json', '--json')).toMatchObject({ code: 2, json: { error: { code: 'unreadable-file' } } });
    world.files.set('-', '{}');
    expect(await world.run('put', '--if-match', '"a"', '--if-none-match', '--json')).toMatchObject({ code: 2, json: { error: { code: 'bad-precondition' } } });
    expect(asked).toHaveLength(0);
  });

  it('tells a precondition that does not hold, without a second attempt', async () => {
    const world = new World();
    world.files.set('-', '{}');
    const asked = serve(world, () => problem(412, 'precondition-failed', 'If-Match does not hold.'));
    expect(await world.run('put', '--if-match', '"old"', '--json')).toMatchObject({ code: 1, json: { error: { code: 'precondition-failed', status: 412 } } });
    expect(asked).toHaveLength(1);
  });
});

describe('patch', () => {
  it('sends the changes in the order given, --set beside the set’s own --set', async () => {
    const world = new World();
    const asked = serve(world, () => new Response('{"n":2}', { status: 200 }));
    const args = ['--set', 'name="A=B"', '--increment', 'n=+1.5', '--remove', 'old', '--set', '"a=b".c={"x":1.0}', '--if', '{"path":"n","op":"exists"}'];
    const { code, json } = await world.run('patch', 'country=DE,cityId=5', ...args, '--member', A, '--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({ done: 'changed', item: { n: 2 } });
    expect(asked[0]?.method).toBe('PATCH');
    expect(asked[0]?.url.hostname).toContain('syncline-cities');
    expect(asked[0]?.body).toBe(
      '{"operations":[{"op":"set","path":"name","value":"A=B"},{"op":"increment","path":"n","value":1.5},{"op":"remove","path":"old"},{"op":"set","path":"\\"a=b\\".c","value":{"x":1.0}}],"if":{"path":"n","op":"exists"}}',
    );
  });

  it('takes the usual set when none is named', async () => {
    const world = new World();
    const asked = serve(world, () => new Response('{}', { status: 200 }));
    const stdout = collect();
    const stderr = collect();
    const code = await main(
      ['patch', 'country=DE,cityId=5', '--set', 'a=1', '--aws', '--account', '000000000000'],
      world.outside(),
      stdout.stream,
      stderr.stream,
    );
    expect({ code, stderr: stderr.text() }).toMatchObject({ code: 0 });
    expect(asked[0]?.url.hostname).toContain('syncline-cities');
  });

  it('refuses nothing to do, values that are no JSON, and an assignment to another command', async () => {
    const world = new World();
    const codes = async (...args: string[]): Promise<[number, string]> => {
      const { code, json } = await world.run(...args, '--json');
      return [code, json.error.code];
    };
    expect(await codes('patch', 'country=DE,cityId=5')).toEqual([2, 'no-operation']);
    expect(await codes('patch', 'country=DE,cityId=5', '--set', 'a=word')).toEqual([2, 'bad-json']);
    expect(await codes('patch', 'country=DE,cityId=5', '--increment', 'a=much')).toEqual([2, 'bad-number']);
    expect(await codes('patch', 'country=DE,cityId=5', '--set', '=1')).toEqual([2, 'bad-change']);
    expect(await codes('status', '--set', 'a=1')).toEqual([2, 'bad-set']);
  });

  it('writes numbers in DynamoDB’s form when told to', async () => {
    const world = new World();
    const asked = serve(world, () => new Response('{}', { status: 200 }));
    await world.run('patch', 'country=DE,cityId=5', '--increment', 'n=2', '--form', 'dynamodb', '--member', A);
    expect(JSON.parse(asked[0]?.body ?? '').operations).toEqual([{ op: 'increment', path: 'n', value: { N: '2' } }]);
    expect(asked[0]?.headers.get('content-type')).toBe('application/x-amz-json-1.0');
  });

  it('ends a path at the first equal sign outside quotes', () => {
    expect(pathEnd('a.b=1=2')).toBe(3);
    expect(pathEnd('"a=b"=1')).toBe(5);
    expect(pathEnd('"a\\"=b"=1')).toBe(7);
    expect(pathEnd('a')).toBe(-1);
  });
});

describe('delete', () => {
  it('deletes, only where the tag is the one given', async () => {
    const world = new World();
    const asked = serve(world, () => new Response(null, { status: 204, headers: { 'syncline-revision': 'r9' } }));
    expect(await world.run('delete', 'country=DE,cityId=5', '--if-match', '"t"', '--json')).toMatchObject({
      code: 0,
      json: { done: 'deleted', revision: 'r9' },
    });
    expect(asked[0]).toMatchObject({ method: 'DELETE' });
    expect(asked[0]?.headers.get('if-match')).toBe('"t"');
  });
});

describe('query and count', () => {
  const pages = (world: World): Seen[] =>
    serve(world, ({ body, url }) => {
      const after = JSON.parse(body).after as string | undefined;
      const n = after === undefined ? 1 : Number(after);
      const next = n < 3 ? { next: String(n + 1) } : {};
      return new Response(
        JSON.stringify(url.pathname.endsWith('/count') ? { count: 2, scanned: 5, ...next } : { items: [{ n }], count: 1, scanned: 1, ...next }),
        { status: 200 },
      );
    });

  it('reads one page, and says how the next is read', async () => {
    const world = new World();
    const asked = pages(world);
    const { code, json } = await world.run('query', 'DE', '--sort', '>= 5', '--limit', '7', '--descending', '--select', 'a', '--select', 'b', '--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({ items: [{ n: 1 }], count: 1, next: '2', next_steps: [{ command: expect.stringContaining('--after 2') }] });
    expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ partition: 'DE', sort: { op: '>=', value: 5 }, limit: 7, descending: true, select: ['a', 'b'] });
  });

  it('reads all pages with --all: items a line for people, one document for programs', async () => {
    const world = new World();
    pages(world);
    expect((await world.run('query', 'DE', '--all')).stdout).toBe('{"n":1}\n{"n":2}\n{"n":3}\n');
    expect((await world.run('query', 'DE', '--all', '--json')).json).toMatchObject({ items: [{ n: 1 }, { n: 2 }, { n: 3 }], count: 3 });
    expect((await world.run('query', 'DE', '--after', '3', '--json')).json.items).toEqual([{ n: 3 }]);
  });

  it('counts to the end of the partition', async () => {
    const world = new World();
    const asked = pages(world);
    expect((await world.run('count', 'DE', '--filter', '{"path":"p","op":"exists"}', '--json')).json).toMatchObject({ count: 6, scanned: 15 });
    expect(asked).toHaveLength(3);
  });

  it('reads a sort condition of each kind', () => {
    const [S, N, B] = (['S', 'N', 'B'] as const).map((type) => ({ name: 'k', type })) as [KeyAttribute, KeyAttribute, KeyAttribute];
    expect(sortCondition('> -_8', B, 'plain')).toEqual({ op: '>', value: { $binary: '+/8=' } });
    expect(sortCondition('begins-with DE ', S, 'plain')).toEqual({ op: 'begins-with', value: 'DE' });
    expect(sortCondition('=5', S, 'plain')).toEqual({ op: '=', value: '5' });
    expect(sortCondition('<= 5', N, 'dynamodb')).toEqual({ op: '<=', value: { N: '5' } });
    expect(sortCondition('between ["a b","c d"]', S, 'plain')).toEqual({ op: 'between', from: 'a b', to: 'c d' });
    expect(JSON.stringify(sortCondition('between 1 2.50', N, 'plain'))).toBe('{"op":"between","from":1,"to":2.50}');
    for (const wrong of ['', 'like x', '>', 'between 1', 'between 1 2 3']) expect(() => sortCondition(wrong, N, 'plain')).toThrow(/--sort/);
  });
});

describe('parseExact', () => {
  it('gives back the same JSON text for every number', () => {
    const digits = fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }).map(String);
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            digits,
            fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => JSON.stringify(d)),
          ),
        ),
        (numbers) => {
          const text = `{"list":[${numbers.join(',')}]}`;
          expect(JSON.stringify(parseExact(text) as Json)).toBe(text);
        },
      ),
    );
  });
});
