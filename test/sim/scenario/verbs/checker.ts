import { text } from '../../../../lib/core/attribute.ts';
import { InputError } from '../../../../lib/core/errors.ts';
import { LOG_PREFIX } from '../../../../lib/core/formats/archive-names.ts';
import { decodeFooter } from '../../../../lib/core/formats/segment-footer.ts';
import { runCheck } from '../../../../lib/reconcile/check/engine.ts';
import type { CheckJob } from '../../../../lib/reconcile/check/job.ts';
import type { CheckRequest } from '../../../../lib/reconcile/check/request.ts';
import { startCheck } from '../../../../lib/reconcile/check/start.ts';
import { decodeProof, PROOF_KEY } from '../../../../lib/reconcile/proof/row.ts';
import { checkPorts, checksOf, eventsOf } from '../../checker.ts';
import { findingsIn } from '../../oracles/verdicts.ts';
import { keyOfName, nameOfKey } from '../../set.ts';
import type { Arguments } from '../arguments.ts';
import { durationMs, UsageError } from '../arguments.ts';
import { live } from '../live.ts';
import type { Stage, Task } from '../stage.ts';
import type { Verbs } from './verb.ts';

/** Longest time of a check (virtual ms). */
const CHECK_MAX_MS = 2 * 3_600_000;
const MODES: readonly CheckRequest['mode'][] = ['proof', 'sweep', 'keys', 'sample'];

/** The checker: what it is asked, what it says, and what it cannot know but by reading the tables. */
export const CHECKER: Verbs = {
  /**
   * `corrupt MEMBER KEY v=N|gone [times=N]`: what the member holds of a key changes, and no record tells of it. What an applier has left in the item
   * stays. `times`: so many keys, KEY0, KEY1 …
   */
  corrupt(stage, args) {
    const member = stage.member(args.word('member'));
    const name = args.word('key');
    const v = args.number('v');
    const times = args.number('times');
    if (v === undefined && args.word('"gone"') !== 'gone') throw new UsageError('v=N or "gone" is missing');
    for (const key of times === undefined ? [name] : Array.from({ length: times }, (_, i) => `${name}${i}`)) {
      const there = stage.world.set.items(member).read(keyOfName(key));
      stage.world.corrupt(member, key, v === undefined ? undefined : { ...there, ...keyOfName(key), v: { N: String(v) } });
    }
    return [];
  },

  /** `count MEMBER`: how many items it has. */
  count: (stage, args) => [`${stage.world.set.items(stage.member(args.word('member'))).size} items`],

  /**
   * `live DURATION [sweep=DURATION] [without=NAME,…]`: everything runs as it is deployed for so long, the minute runs of all members with the
   * checker too, but what is named: "a/fanout", "b/observe", "a>b" (its applier), "b/reconcile".
   */
  async live(stage, args) {
    const ms = durationMs(args.word('duration'));
    const sweepEveryMs = args.ms('sweep');
    const without = new Set((args.option('without') ?? '').split(',').filter((name) => name !== ''));
    await live(stage, ms, { without, ...(sweepEveryMs !== undefined && { sweepEveryMs }) });
    return [];
  },

  /**
   * `check MEMBER proof|sweep|keys|sample [KEY …] [repair] [short] [to=MEMBER] [without=NAME,…] [background]`: a person checks, and works at all members' scans by
   * himself, while everything runs; then what was found, each key of it but with `short`.
   */
  async check(stage, args) {
    const member = stage.member(args.word('member'));
    const mode = args.word('mode') as CheckRequest['mode'];
    if (!MODES.includes(mode)) throw new UsageError(`"${mode}" is none of ${MODES.join(', ')}`);
    const without = new Set((args.option('without') ?? '').split(',').filter((name) => name !== ''));
    const task = beginCheck(stage, member, mode, args);
    await live(stage, CHECK_MAX_MS, { without, until: () => task.done });
    return task.done ? task.lines : ['is not done'];
  },

  /** `checks MEMBER`: all checks that its table knows of, and what they found. */
  checks(stage, args) {
    stage.member(args.word('member'));
    const jobs = checksOf(stage.world);
    return jobs.length === 0 ? ['none'] : jobs.flatMap((job) => checkLines(stage, job));
  },

  /** `proof MEMBER`: what the newest look of the standing proof has shown of each link. */
  proof(stage, args) {
    const member = stage.member(args.word('member'));
    const row = stage.world.set.control(member).read(PROOF_KEY);
    if (row === undefined) return ['nobody has looked'];
    return Object.entries(decodeProof(row).links).map(([target, { state, hot, differing, why }]) => {
      const more = [
        why === undefined ? '' : timeless(why.split(': ')[0] ?? ''),
        hot > 0 ? `${hot} hot` : '',
        differing > 0 ? `${differing} cells differ` : '',
      ].filter((part) => part !== '');
      return `${member}>${target}: ${[state, ...more].join(', ')}`;
    });
  },

  /** `drift MEMBER`: the writes that its log calls drift, in their order. */
  drift(stage, args) {
    const member = stage.member(args.word('member'));
    const { set } = stage.world;
    const { buckets } = set.region(member);
    const bucket = set.bucketName(member);
    const flagged = buckets
      .keys(bucket)
      .filter((name) => name.startsWith(LOG_PREFIX))
      .flatMap((name) => {
        const { head, index } = decodeFooter(buckets.bytes(bucket, name));
        const entries = Array.from({ length: index.length }, (_, i) => index.entry(i)).filter(({ drift }) => drift);
        const from = stage.world.model.latest(member).findIndex(({ stream, sequence }) => stream === head.stream && sequence === BigInt(head.first));
        return entries.map(({ ordinal }) => from + ordinal);
      });
    const lines = flagged
      .sort((a, b) => a - b)
      .map((at) => {
        const version = stage.world.model.latest(member)[at];
        return version === undefined ? '?' : `${stage.names.record(version.stream, version.sequence)} ${version.image === undefined ? '-' : ''}${version.key}`;
      });
    return lines.length === 0 ? ['none'] : lines;
  },

  /** `orphans MEMBER`: the rows of values that lost their place. */
  orphans(stage, args) {
    const member = stage.member(args.word('member'));
    const rows = stage.world.set
      .control(member)
      .items()
      .filter((row) => text(row['pk'], 'S') === 'orphan');
    const lines = rows.map((row) => {
      const sequence = (text(row['sk'], 'S') ?? '').split('#')[1] ?? '0';
      const record = stage.names.record(stage.world.set.items(member).stream?.arn ?? '', sequence);
      return `${record} ${text(row['cause'], 'S') ?? '?'}, ${text(row['state'], 'S') ?? '?'}`;
    });
    return lines.length === 0 ? ['none'] : lines.sort();
  },

  /** `told`: the events that the checker has sent to the user, by their types. */
  told(stage) {
    const counts = Map.groupBy(eventsOf(stage.world).events, ({ type }) => type);
    const lines = [...counts].map(([type, of]) => `${of.length} × ${type}`).sort();
    return lines.length === 0 ? ['nothing'] : lines;
  },
};

/** A sentence without its times and counts, which are others in every run. */
const timeless = (sentence: string): string => sentence.replaceAll(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'TIME').replaceAll(/\d+(\.\d+)? (min|messages)/g, 'N $2');

/** Begins a check that a person runs. */
function beginCheck(stage: Stage, member: string, mode: CheckRequest['mode'], args: Arguments): Task {
  const { world } = stage;
  const to = args.option('to');
  const short = args.flag('short');
  const action = args.flag('repair') ? 'repair' : 'report';
  const targets = to === undefined ? world.set.members.filter((m) => m !== member) : [stage.member(to)];
  const keys = args.rest().map(keyOfName);
  const work = async (process: NonNullable<Task['process']>): Promise<readonly string[]> => {
    const ports = checkPorts(world, member, process, { all: true });
    const runtime = world.runtimeOf(process);
    const request: CheckRequest = { mode, targets, action, by: 'somebody', ...(mode === 'keys' && { keys }), ...(mode === 'sample' && { share: 1 }) };
    try {
      const { id } = await startCheck(ports, runtime, request);
      const untilMs = process.clock.elapsed() + CHECK_MAX_MS;
      const job = await runCheck(ports, runtime, id, { owner: 'somebody', untilMs, drive: true }, { progress: () => undefined, stopped: () => false });
      return checkLines(stage, job, short);
    } catch (error) {
      if (error instanceof InputError) return [`refused: ${error.code}`];
      throw error;
    }
  };
  return stage.invoke(member, 'check', work, CHECK_MAX_MS);
}

/** What a check says: a line for each link, and one for each finding. */
function checkLines(stage: Stage, job: CheckJob, short = false): readonly string[] {
  const name = (more: string): string => `${job.request.mode} by ${job.request.by}${more}`;
  const head = job.failed !== undefined ? name(`: failed: ${job.failed}`) : job.done === undefined ? name(`, at "${job.phase}"`) : name('');
  const links = job.links.map(({ target, keys, verified, divergent, unverified, repaired, left, held, why, reasons }) => {
    const counts = [
      `${keys} keys`,
      `${verified} verified`,
      `${divergent} divergent`,
      ...(repaired + left > 0 ? [`${repaired} repaired`] : []),
      ...(held > 0 ? [`${held} held`] : []),
      `${unverified} unverified`,
    ];
    const whys = why !== undefined ? [why] : reasons.map((reason) => reason.why);
    return [`  ${job.source}>${target}: ${counts.join(', ')}`, ...whys.map((text) => `    ${timeless(text.split('. ')[0] ?? '')}`)];
  });
  const { set } = stage.world;
  const { buckets } = set.region(job.source);
  const bucket = set.bucketName(job.source);
  const parts = buckets.keys(bucket).filter((key) => key.startsWith(`reports/${job.id}/findings/`));
  const findings = parts
    .flatMap((key) => findingsIn(buckets.bytes(bucket, key)))
    .map(
      ({ key, target, verdict, kind, outcome }) =>
        `  "${nameOfKey(key)}" at ${target}: ${[verdict, kind, outcome].filter((word) => word !== undefined).join(', ')}`,
    );
  return [head, ...links.flat(), ...(short ? [] : findings.sort())];
}
