import { hash as cryptoHash } from 'node:crypto';
import type { Item } from '../../core/attribute.ts';
import { text } from '../../core/attribute.ts';
import { itemHash } from '../../core/canonical.ts';
import { assert } from '../../core/errors.ts';
import type { ResyncMessage } from '../../core/formats/message.ts';
import { comparePositions } from '../../core/formats/position.ts';
import { decodeRefused } from '../../core/formats/refused-row.ts';
import type { LaneReport, ReportKey } from '../../core/formats/report.ts';
import { encodeReport, reportName } from '../../core/formats/report.ts';
import { isRemote, whyText } from '../../ports/errors.ts';
import { retried } from '../retry.ts';
import type { BothSides } from './both-sides.ts';
import { readBothSides } from './both-sides.ts';
import type { Pass } from './pass.ts';

/** A report that could not be stored holds its lane, and what waits behind it, at most for so many receives of its message. */
const REPORT_RECEIVES_MAX = 5;

/** The bucket does not take a report now. */
export class BucketAwayError extends Error {
  constructor(why: string) {
    super(`the bucket does not take a report: ${why}`);
    this.name = 'BucketAwayError';
  }
}

/**
 * Answers a question about keys, within their lane: reads the target, then the source, as a repair does, and stores what both had as
 * `reports/<job>/<lane>` in the source's bucket. Nothing else is written. A message that comes again is answered anew, over the first answer.
 *
 * A report that can never be stored (no bucket, no grant) is given up: who asked finds no answer, and says so.
 *
 * @param receives how often the message was received.
 * @throws RemoteError, NoSeatError, ForeignSourceError: the lane is given up, and the message comes again · BucketAwayError, likewise.
 */
export async function report(pass: Pass, message: ResyncMessage, receives: number): Promise<void> {
  const { job } = message;
  assert(job !== undefined, 'a report without a job was let in', {});
  const { link, runtime, ports } = pass;
  const read = await readBothSides(pass, message.keys);
  const answer: LaneReport = {
    format: 1,
    set: link.set,
    job,
    target: link.target,
    lane: message.lane,
    epoch: message.epoch,
    at: runtime.clock.now(),
    keys: read.map((both) => reportKey(both, ports.reports.expiryAttribute)),
  };
  const body = encodeReport(answer);
  const name = reportName(job, message.lane);
  try {
    const objects = ports.reports.objects();
    await retried(runtime, pass.notAfter, () => objects.put(ports.reports.bucket, name, body, { sha256: cryptoHash('sha256', body, 'base64') }, pass.read), [
      'throttled',
      'transient',
    ]);
  } catch (error) {
    if (!isRemote(error)) throw error;
    const passes = isRemote(error, 'throttled', 'transient', 'unanswered', 'notIssued');
    if (passes && receives < REPORT_RECEIVES_MAX) throw new BucketAwayError(whyText(error));
    runtime.log.error('A report could not be stored; its check will say that there was no answer.', { link: link.target, object: name, why: whyText(error) });
    return;
  }
  runtime.metrics.count('KeysReported', answer.keys.length, { link: link.target });
}

/** What both sides had of a key. Pure. @param expiryAttribute the table's TTL attribute, where members expire their copies by themselves */
export function reportKey({ key, source, target, refused }: Omit<BothSides, 'index' | 'keyText'>, expiryAttribute: string | undefined): ReportKey {
  const { item, seal, tombstone } = target;
  const s = source && itemHash(source);
  const t = item && itemHash(item);
  const grave = tombstone !== undefined && (seal === undefined || comparePositions(seal.position, tombstone.seal.position) < 0);
  const newest = grave ? tombstone.seal : seal;
  const hidden = seal !== undefined && grave;
  const es = expiresAt(source, expiryAttribute);
  const et = expiresAt(item, expiryAttribute);
  return {
    k: key,
    ...(s && { s: s.toString('base64') }),
    ...(t && { t: t.toString('base64') }),
    ...(newest && { p: newest.position.toString('base64'), kind: newest.kind }),
    ...(grave && { grave: true }),
    ...(t !== undefined && seal?.contentHash.equals(t.subarray(0, seal.contentHash.length)) === true && { sealed: true }),
    ...(hidden && { hidden: true }),
    ...(refused && { refused: decodeRefused(refused).since }),
    ...(es !== undefined && { es }),
    ...(et !== undefined && { et }),
    equal: s === undefined || t === undefined ? s === t : s.equals(t) && !hidden,
  };
}

/** When an item expires (s since 1970). DynamoDB expires only by a number. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html */
function expiresAt(item: Item | undefined, attribute: string | undefined): number | undefined {
  const value = attribute === undefined ? undefined : text(item?.[attribute], 'N');
  const seconds = value === undefined ? Number.NaN : Number(value);
  return Number.isFinite(seconds) ? seconds : undefined;
}
