import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { registerRestore } from '../../../../cli/commands/restore.ts';
import { EXIT, explain } from '../../../../cli/errors.ts';
import { Output } from '../../../../cli/output.ts';
import { newTable } from '../../../../cli/restore-aws.ts';
import type { RestoreIo } from '../../../../cli/restore-table.ts';
import { timeWords } from '../../../../cli/restore-words.ts';
import { openSession } from '../../../../cli/session.ts';
import { encodeShard } from '../../../../lib/core/formats/rows.ts';
import { memberNames } from '../../../../lib/core/names.ts';
import type { Json } from '../../cli/world.ts';
import { collect, NOW, REGIONS, World } from '../../cli/world.ts';
import { HandWritten, item, KEY, valuesOf } from './support.ts';

const [A, B] = REGIONS;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Outcome {
  readonly code: number;
  readonly json: Json;
  readonly text: string;
  readonly stderr: string;
}

/** A set whose primary has a table of five items, a snapshot of an hour ago, and a log. */
class Town {
  readonly world = new World('id:S').deploy();
  readonly made: { name: string; like: string }[] = [];
  readonly asked: string[] = [];
  answer: boolean | undefined;
  log!: HandWritten;

  static async create(): Promise<Town> {
    const town = new Town();
    await town.world.init();
    const region = town.world.region(A);
    const { tableId, streamArn } = await region.table.describe(town.items);
    town.log = new HandWritten({ region, bucket: town.bucket, member: A, tableId, stream: streamArn ?? '' });
    await town.log.snapshot([item('a', 'old'), item('b', 'old'), item('c', 'old')], NOW, NOW + 2_000, 1);
    await town.log.segment([
      { key: 'a', at: NOW + 10 * MINUTE, value: 'new' },
      { key: 'b', at: NOW + 11 * MINUTE },
    ]);
    await town.log.segment([{ key: 'd', at: NOW + 20 * MINUTE, value: 'new' }]);
    for (const [key, value] of [
      ['a', 'new'],
      ['c', 'old'],
      ['d', 'new'],
    ] as const)
      await region.table.put(town.items, { id: { S: key }, v: { S: value } });
    town.world.clock.wall += HOUR;
    return town;
  }

  get items(): string {
    return this.world.member(A).items;
  }
  get bucket(): string {
    return memberNames('cities', this.world.member(A)).bucket;
  }
  held(region: string, table: string): Map<string, string> {
    return valuesOf(this.world.region(region).items(table));
  }

  async run(...args: string[]): Promise<Outcome> {
    const [stdout, stderr] = [collect(), collect()];
    const program = new Command('syncline')
      .exitOverride()
      .option('--json')
      .option('--set <name>')
      .configureOutput({ writeErr: () => undefined });
    let code = -1;
    registerRestore(
      program,
      async (_, body) => {
        const out = new Output(stdout.stream, stderr.stream, { json: args.includes('--json'), color: false });
        const options = { set: 'cities', regions: REGIONS.join(','), account: '000000000000', keys: 'id:S', timeout: 60 };
        code = await body(await openSession(options, this.world.outside(), out));
      },
      () => this.#io(),
    );
    const read = (): Json => (args.includes('--json') && stdout.text() !== '' ? JSON.parse(stdout.text()) : undefined);
    try {
      await program.parseAsync(['restore', ...args], { from: 'user' });
    } catch (error) {
      const known = explain(error);
      return {
        code: EXIT[known.ending],
        json: { error: { code: known.code, message: known.message, ...known.details } },
        text: stdout.text(),
        stderr: stderr.text(),
      };
    }
    return { code, json: read(), text: stdout.text(), stderr: stderr.text() };
  }

  #io(): RestoreIo {
    const { answer } = this;
    return {
      owner: 'a test',
      stream: new PassThrough(),
      zone: 'Europe/Berlin',
      confirm:
        answer === undefined
          ? undefined
          : async (question) => {
              this.asked.push(question);
              return answer;
            },
      newTables: (region) => ({
        create: async (name, key, like) => {
          this.made.push({ name, like });
          this.world.region(region).createTable({ name, key });
          return [];
        },
      }),
    };
  }
}

const AT_15 = '2027-01-15T08:15:00Z';

describe('syncline restore --to', () => {
  it('says what it found and what it will do, and with --dry-run does nothing', async () => {
    const town = await Town.create();
    const { code, text } = await town.run('--at', AT_15, '--to', 'before', '--dry-run');
    expect(code).toBe(0);
    for (const words of [
      'into the new table "before"',
      '15 January 2027',
      '(Europe/Berlin)',
      'ago',
      '3 items in 3 files',
      '2 changes in 1 segment from',
      'every checksum is right',
      'cost      less than $0.01 on demand',
      'Nothing was written.',
    ]) {
      expect(text).toContain(words);
    }
    expect(town.made).toEqual([]);
    const { json } = await town.run('--at', AT_15, '--to', 'before', '--dry-run', '--json');
    expect(json).toMatchObject({
      state: 'planned',
      at: AT_15,
      creates: true,
      log: { records: 2 },
      next_steps: [{ command: expect.stringContaining(`restore --at ${AT_15} --to before --set`) }],
    });
  });

  it('says when the log rests on old marks alone, for times after them', async () => {
    const town = await Town.create();
    const mark = { sequence: '9', at: Date.parse('2027-01-15T08:14:00Z') };
    await town.world.region(A).table.put(town.world.context(A).tables.control, encodeShard({ id: 's', sent: mark, seen: mark }));
    const words = 'note      Nothing has been read from the stream of the table since 2027-01-15T08:14:00Z. If the table was written since';
    expect((await town.run('--at', AT_15, '--to', 'before', '--dry-run')).text).toContain(words);
    expect((await town.run('--at', AT_15, '--to', 'before', '--dry-run', '--json')).json).toMatchObject({ quietSince: '2027-01-15T08:14:00Z' });
    expect((await town.run('--at', '2027-01-15T08:14:00Z', '--to', 'before', '--dry-run', '--json')).json).not.toHaveProperty('quietSince');
    // In place it is seen before anybody is asked, and is no refusal.
    town.answer = false;
    const { stderr } = await town.run('--at', AT_15, '--in-place');
    expect(town.asked).toEqual(['Begin?']);
    expect(stderr).toContain('Nothing has been read from the stream of the table since 2027-01-15T08:14:00Z.');
    expect((await town.run('--at', AT_15, '--in-place', '--dry-run', '--json')).json).toMatchObject({ quietSince: '2027-01-15T08:14:00Z' });
  });

  it('asks, and does nothing when the answer is no, or nobody can be asked', async () => {
    const town = await Town.create();
    expect((await town.run('--at', 'latest', '--to', 'before', '--json')).json.error).toMatchObject({ code: 'needs-yes', at: expect.any(String) });
    town.answer = false;
    expect(await town.run('--at', 'latest', '--to', 'before')).toMatchObject({ code: 0, text: 'Nothing was written.\n' });
    expect({ asked: town.asked, made: town.made }).toEqual({ asked: ['Begin?'], made: [] });
  });

  it('makes a table like the member’s and writes what was there; the second time it only says so', async () => {
    const town = await Town.create();
    const { code, json } = await town.run('--at', AT_15, '--to', 'before', '--yes', '--json');
    expect({ code, state: json.state, result: json.result }).toMatchObject({ code: 0, state: 'done', result: { items: 2, refused: 0 } });
    expect(town.made).toEqual([{ name: 'before', like: town.items }]);
    expect(town.held(A, 'before')).toEqual(
      new Map([
        ['a', 'new'],
        ['c', 'old'],
      ]),
    );
    expect((await town.run('--at', AT_15, '--to', 'before', '--yes', '--json')).json).toMatchObject({ state: 'done-before', items: 2 });
    expect((await town.run('--at', 'latest', '--to', 'before', '--yes', '--key', 'id=a')).json.error.code).toBe('other-restore');
    expect((await town.run('--at', '2027-01-15T08:16:00Z', '--to', 'before', '--yes')).json.error.code).toBe('other-restore');
    // The set's own table is untouched.
    expect(town.held(A, town.items)).toEqual(
      new Map([
        ['a', 'new'],
        ['c', 'old'],
        ['d', 'new'],
      ]),
    );
  });

  it('restores the wanted keys only', async () => {
    const town = await Town.create();
    await town.run('--at', 'latest', '--to', 'some', '--key', 'id=a', 'id=b', '--key', '{"id":{"S":"c"}}', '--yes');
    expect(town.held(A, 'some')).toEqual(
      new Map([
        ['a', 'new'],
        ['c', 'old'],
      ]),
    );
    const { text } = await town.run('--at', 'latest', '--to', 'more', '--key', 'id=a', '--dry-run');
    expect(text).toContain('only      1 key\n');
    expect(text).toContain('writes    at most about 1 item, 1 unit (');
    expect((await town.run('--at', 'latest', '--to', 'more', '--prefix', 'id=d', '--dry-run')).text).toContain('only      keys whose id begins with "d"\n');
    await town.run('--at', 'latest', '--to', 'more', '--prefix', 'd', '--yes');
    expect(town.held(A, 'more')).toEqual(new Map([['d', 'new']]));
  });

  it('refuses what the archive does not surely hold: what, where, what can be done; no table is made', async () => {
    const town = await Town.create();
    const [segment] = town.world
      .region(A)
      .buckets.keys(town.bucket)
      .filter((name) => name.startsWith('log/'));
    const early = await town.run('--at', '2027-01-15T07:59:00Z', '--to', 'before', '--yes', '--json');
    expect(early).toMatchObject({
      code: 1,
      json: { error: { code: 'restore-refused', findings: [{ kind: 'missing', what: expect.stringContaining('from 2027-01-15T08:00:02Z on') }] } },
    });
    expect((await town.run('--at', 'now', '--to', 'before', '--yes')).json.error).toMatchObject({
      code: 'restore-refused',
      message: expect.stringContaining('later than what is surely archived'),
    });
    const late: string = (await town.run('--at', 'now', '--to', 'before', '--yes')).json.error.message;
    expect(late.split('later than what is surely archived')).toHaveLength(2);
    town.world.region(A).buckets.flipBit(town.bucket, segment as string, 77);
    const damaged = await town.run('--at', AT_15, '--to', 'before', '--yes', '--json');
    expect(damaged.json.error).toMatchObject({ code: 'restore-refused', found: 1, findings: [{ kind: 'damaged', object: segment, todo: expect.any(String) }] });
    // The document has the findings: the message is the one sentence.
    expect(damaged.json.error.message).toBe('The log from 2027-01-15T07:55:00Z on, which is needed for this time, is not whole. Nothing was written.');
    const told: string = (await town.run('--at', AT_15, '--to', 'before', '--yes')).json.error.message;
    expect(told).toContain('Nothing was written.\n  damaged: ');
    expect(told.split(segment as string)).toHaveLength(2);
    expect(told.split('is not whole')).toHaveLength(2);
    expect(town.made).toEqual([]);
  });

  it('keeps its savepoint when a person ends it, and the command that it names goes on', async () => {
    const town = await Town.create();
    town.world.onListen = (stop) => stop();
    const { code, json } = await town.run('--at', AT_15, '--to', 'before', '--yes', '--json');
    expect({ code, state: json.state }).toEqual({ code: 3, state: 'stopped' });
    town.world.onListen = undefined;
    const words: string[] = json.next_steps[0].command.split(' ').slice(2, 6);
    expect(words).toEqual(['--at', AT_15, '--to', 'before']);
    const { json: last } = await town.run(...words, '--yes', '--json');
    expect(last).toMatchObject({ state: 'done', resumed: true, result: { items: 2 } });
    expect(town.held(A, 'before')).toEqual(
      new Map([
        ['a', 'new'],
        ['c', 'old'],
      ]),
    );
  });

  it('needs only the bucket of a region whose tables are lost, and restores into another member’s region', async () => {
    const town = await Town.create();
    const { control } = town.world.context(A).tables;
    for (const name of [control, town.items]) town.world.region(A).deleteTable(name);
    const { code, stderr, text } = await town.run('--at', 'latest', '--to', 'rescued', '--member', A, '--into', B, '--yes');
    expect(code).toBe(0);
    expect(stderr).toContain('the bucket alone must tell');
    expect(stderr).toContain('this is all that the bucket holds');
    expect(text).toContain('"rescued" holds 3 items');
    expect(town.held(B, 'rescued')).toEqual(
      new Map([
        ['a', 'new'],
        ['c', 'old'],
        ['d', 'new'],
      ]),
    );
    expect((await town.run('--at', '2027-01-15T08:30:00Z', '--to', 'other', '--member', A, '--into', B, '--yes')).json.error.code).toBe('restore-refused');
    expect((await town.run('--at', '2027-01-15T08:19:00Z', '--to', 'other', '--member', A, '--into', B, '--yes')).code).toBe(0);
  });

  it('says what is wrong with a command line', async () => {
    const town = await Town.create();
    const codeOf = async (...args: string[]): Promise<unknown[]> => {
      const { code, json } = await town.run(...args);
      return [code, json.error.code];
    };
    expect(await codeOf('--at', 'latest')).toEqual([2, 'no-target']);
    expect(await codeOf('--at', 'latest', '--to', 'x-table', '--in-place')).toEqual([2, 'bad-options']);
    expect((await town.run('--at', 'latest', '--to', 'x-table', '--in-place')).json.error.message).toContain('exclude each other');
    expect(await codeOf('--undo', '../x')).toEqual([2, 'invalid-job']);
    expect(await codeOf('--resume', 'restore-x', '--yes')).toEqual([2, 'invalid-job']);
    expect(await codeOf('--at', 'latest', '--to', 'before', '--prefix', 'nope=b')).toEqual([2, 'invalid-prefix']);
    expect(await codeOf('--to', 'before')).toEqual([2, 'no-time']);
    expect(await codeOf('--at', 'yesterday', '--to', 'before')).toEqual([2, 'bad-time']);
    expect(await codeOf('--at', 'latest', '--to', 'a b')).toEqual([2, 'bad-table']);
    expect(await codeOf('--at', 'latest', '--to', town.items)).toEqual([2, 'own-table']);
    expect(await codeOf('--at', 'latest', '--to', 'before', '--key', 'id=a', '--prefix', 'b')).toEqual([2, 'bad-options']);
    expect(await codeOf('--at', 'latest', '--to', 'before', '--key', 'name=a')).toEqual([2, 'invalid-key']);
    expect(await codeOf('--at', 'latest', '--to', 'before', '--prefix', 'id=')).toEqual([2, 'invalid-prefix']);
    expect(await codeOf('--at', 'latest', '--in-place', '--into', B)).toEqual([2, 'bad-options']);
    expect(await codeOf('--at', 'latest', '--to', 'before', '--member', 'mars')).toEqual([2, 'unknown-member']);
    expect(await codeOf('--undo', 'x', '--at', 'latest')).toEqual([2, 'bad-options']);
  });
});

describe('syncline restore --in-place', () => {
  it('shows what differs, writes only that at the primary, and takes it back', async () => {
    const town = await Town.create();
    const at = '2027-01-15T08:05:00Z';
    const shown = await town.run('--at', at, '--in-place', '--dry-run');
    expect(shown.code).toBe(0);
    for (const words of ['2 items would be written, 1 item deleted', 'v: "new" → "old"', `The table as it was at ${at}: 3 items`])
      expect(shown.text).toContain(words);
    const before = town.world.region(A).items(town.items);
    const { code, json } = await town.run('--at', at, '--in-place', '--yes', '--json');
    expect({ code, counts: json.counts, puts: json.puts, deletes: json.deletes }).toMatchObject({
      code: 0,
      counts: { put: 2, deleted: 1 },
      puts: 2,
      deletes: 1,
    });
    expect(town.held(A, town.items)).toEqual(
      new Map([
        ['a', 'old'],
        ['b', 'old'],
        ['c', 'old'],
      ]),
    );
    // What did not differ was not written: it has no revision of this run.
    expect(
      town.world
        .region(A)
        .items(town.items)
        .find((i) => (i['id'] as { S: string }).S === 'c'),
    ).toEqual({ id: { S: 'c' }, v: { S: 'old' } });
    const undone = await town.run('--undo', json.job, '--yes', '--json');
    expect(undone).toMatchObject({ code: 0, json: { kind: 'take-back', counts: { put: 2, deleted: 1 } } });
    expect(valuesOf(town.world.region(A).items(town.items))).toEqual(valuesOf(before));
    expect((await town.run('--at', '2027-01-15T08:30:00Z', '--in-place', '--yes', '--json')).json.state).toBe('nothing-to-do');
  });

  it('shows a job that was planned before, and carries it out only when a person says so; one that is done is only told', async () => {
    const town = await Town.create();
    const before = town.held(A, town.items);
    const { json } = await town.run('--at', '2027-01-15T08:05:00Z', '--in-place', '--dry-run', '--json');
    for (const yes of [[], ['--yes']]) {
      const { code, text } = await town.run('--resume', json.job, '--dry-run', ...yes);
      expect({ code, nothing: text.includes('Nothing was changed.'), left: text.includes('nothing of it is done yet') }).toEqual({
        code: 0,
        nothing: true,
        left: true,
      });
      expect(town.held(A, town.items)).toEqual(before);
    }
    expect(await town.run('--resume', json.job)).toMatchObject({ code: 2, json: { error: { code: 'needs-yes' } } });
    town.answer = false;
    expect((await town.run('--resume', json.job)).text).toBe('Nothing was changed.\n');
    expect(town.held(A, town.items)).toEqual(before);
    town.answer = true;
    const done = await town.run('--resume', json.job);
    expect({ code: done.code, asked: town.asked }).toEqual({ code: 0, asked: ['Begin?', 'Begin?'] });
    expect(done.stderr).toContain('2 items would be written, 1 item deleted');
    // Known before anything is written, should the run be killed.
    expect(done.stderr).toContain(`restore --resume ${json.job}`);
    const after = town.held(A, town.items);
    expect(after).not.toEqual(before);
    const again = await town.run('--resume', json.job, '--yes');
    expect(again.text).toMatch(new RegExp(`^${json.job} was done at 2027-\\S+Z: 2 items written, 1 item deleted\\. Nothing was written now\\.`));
    expect(town.held(A, town.items)).toEqual(after);
  });

  it('is of the wanted keys only, and of nothing where the archive does not hold the time', async () => {
    const town = await Town.create();
    const { json } = await town.run('--at', '2027-01-15T08:05:00Z', '--in-place', '--key', 'id=b', 'id=d', '--yes', '--json');
    expect(json).toMatchObject({ puts: 1, deletes: 1, counts: { put: 1, deleted: 1 }, args: { what: expect.stringContaining('2 keys') } });
    expect(town.held(A, town.items)).toEqual(
      new Map([
        ['a', 'new'],
        ['b', 'old'],
        ['c', 'old'],
      ]),
    );
    expect((await town.run('--at', '2027-01-15T07:00:00Z', '--in-place', '--yes')).json.error.code).toBe('restore-refused');
  });
});

describe('a table to restore into', () => {
  it('has the key of the set, and the indexes and the encryption of the table that it is like', () => {
    const projection = { ProjectionType: 'ALL' as const };
    const input = newTable(
      'new',
      { ...KEY, sort: { name: 'n', type: 'N' } },
      {
        AttributeDefinitions: [
          { AttributeName: 'id', AttributeType: 'S' },
          { AttributeName: 'n', AttributeType: 'N' },
          { AttributeName: 'mail', AttributeType: 'S' },
          { AttributeName: 'old', AttributeType: 'S' },
        ],
        GlobalSecondaryIndexes: [
          { IndexName: 'by-mail', IndexStatus: 'ACTIVE', KeySchema: [{ AttributeName: 'mail', KeyType: 'HASH' }], Projection: projection, ItemCount: 7 },
          { IndexName: 'by-old', IndexStatus: 'DELETING', KeySchema: [{ AttributeName: 'old', KeyType: 'HASH' }], Projection: projection },
        ],
        LocalSecondaryIndexes: [
          {
            IndexName: 'local',
            KeySchema: [
              { AttributeName: 'id', KeyType: 'HASH' },
              { AttributeName: 'mail', KeyType: 'RANGE' },
            ],
            Projection: projection,
          },
        ],
        SSEDescription: { SSEType: 'KMS', KMSMasterKeyArn: 'arn:aws:kms:eu-central-1:000000000000:key/k' },
        BillingModeSummary: { BillingMode: 'PROVISIONED' },
        StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      },
    );
    expect(input).toEqual({
      TableName: 'new',
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'id', KeyType: 'HASH' },
        { AttributeName: 'n', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'id', AttributeType: 'S' },
        { AttributeName: 'n', AttributeType: 'N' },
        { AttributeName: 'mail', AttributeType: 'S' },
      ],
      GlobalSecondaryIndexes: [{ IndexName: 'by-mail', KeySchema: [{ AttributeName: 'mail', KeyType: 'HASH' }], Projection: projection }],
      LocalSecondaryIndexes: [
        {
          IndexName: 'local',
          KeySchema: [
            { AttributeName: 'id', KeyType: 'HASH' },
            { AttributeName: 'mail', KeyType: 'RANGE' },
          ],
          Projection: projection,
        },
      ],
      SSESpecification: { Enabled: true, SSEType: 'KMS', KMSMasterKeyId: 'arn:aws:kms:eu-central-1:000000000000:key/k' },
    });
    expect(newTable('new', KEY, undefined)).toEqual({
      TableName: 'new',
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    });
  });
});

describe('a time in words', () => {
  it('names both zones, and how long ago it is', () => {
    expect(timeWords(NOW, NOW + 2 * HOUR, 'Europe/Berlin')).toBe(
      'Friday, 15 January 2027 at 08:00:00 UTC, here (Europe/Berlin) Friday, 15 January 2027 at 09:00:00 CET; 2 h ago',
    );
    expect(timeWords(NOW, NOW - 1, 'UTC')).toBe('Friday, 15 January 2027 at 08:00:00 UTC; not yet');
  });
});
