import { isPrimary } from '../core/formats/rows.ts';
import type { QueueDepth } from '../ports/queue.ts';
import { losesRecord, overdueRecord } from '../reconcile/behind.ts';
import { monthOf } from '../reconcile/schedule/row.ts';
import type { ArchiveStatus } from './archive.ts';
import { archiveAttention, archiveStatus } from './archive.ts';
import type { Attention } from './attention.ts';
import { checkAttention } from './check-attention.ts';
import type { ChecksStatus, LinkCheckStatus } from './checks.ts';
import { checksStatus, linkCheckStatus } from './checks.ts';
import type { LinkFacts, MemberFacts, SetFacts } from './gather.ts';
import type { OpenTaskFacts, OrphanCount } from './gather-checks.ts';
import type { LinkHealth } from './health.ts';
import { linkHealth } from './health.ts';
import { span } from './span.ts';

/** Judges what was gathered of a set. Pure. */

/** What a member is. */
export type Role = 'primary' | 'secondary' | 'uninitialised' | 'unreachable' | 'unreadable';

/** One member, judged. */
export interface MemberStatus {
  readonly member: string;
  readonly region: string;
  readonly role: Role;
  readonly epoch?: number;
  readonly fence?: number;
  readonly since?: number;
  /** As DynamoDB counts: it renews the number about every six hours. */
  readonly approximateItems?: number;
  readonly refused: number;
  /** Newest change that fan-out has moved and that the observer has seen (ms). */
  readonly sentAt?: number;
  readonly seenAt?: number;
  /** Absent for a member without a seat. */
  readonly archive?: ArchiveStatus;
  /** Writes that lost their place, and that nobody has decided about. */
  readonly orphans?: OrphanCount;
  /** Work for checks that it has not finished. */
  readonly tasks?: readonly OpenTaskFacts[];
}

/** One link, judged. */
export interface LinkStatus extends LinkHealth {
  readonly source: string;
  readonly target: string;
  readonly proven?: number;
  readonly queue?: QueueDepth;
  readonly deadLetters?: number;
  /** The circuit breaker is open: the target does not answer, since when and why. At most one head a lane probes it. */
  readonly breaker?: { readonly since: number; readonly why: string };
  /** How far source and target are known to agree; absent where the source is not the primary. */
  readonly check?: LinkCheckStatus;
}

/** The state of a set. */
export interface SetStatus {
  readonly set: string;
  /** When it was looked at (ms, the asker's clock). */
  readonly at: number;
  readonly primary?: { readonly member: string; readonly epoch: number };
  readonly healthy: boolean;
  readonly members: readonly MemberStatus[];
  readonly links: readonly LinkStatus[];
  /** The primary's checks; absent where there is no primary, or it could not be read. */
  readonly checks?: ChecksStatus;
  readonly attention: readonly Attention[];
}

const total = (d: QueueDepth | undefined): number | undefined => (d === undefined ? undefined : d.visible + d.inFlight + d.delayed);
const newest = (times: readonly (number | undefined)[]): number | undefined => {
  const known = times.filter((t) => t !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
};
const lastSent = (m: MemberFacts): number | undefined => newest(m.shards.map((s) => s.sent?.at));

/** The role that a member's own seat gives it. */
export function roleOf(m: MemberFacts): Role {
  if (!m.reached) return 'unreachable';
  if (m.seat === undefined) return m.unread.some((u) => u.kind === 'unreadable') ? 'unreadable' : 'uninitialised';
  return isPrimary(m.seat) ? 'primary' : 'secondary';
}

/** The member that may write: primary by its seat, and of the highest epoch. */
export function primaryOf(facts: SetFacts): { readonly member: string; readonly epoch: number } | undefined {
  let found: { member: string; epoch: number } | undefined;
  for (const m of facts.members) {
    if (m.seat === undefined || !isPrimary(m.seat)) continue;
    if (found === undefined || m.seat.own > found.epoch) found = { member: m.member, epoch: m.seat.own };
  }
  return found;
}

/** The whole judgement. @param now the asker's wall clock (ms). */
export function judgeSet(facts: SetFacts, now: number): SetStatus {
  const primary = primaryOf(facts);
  const links = facts.members.flatMap((m) => m.links.map((l) => linkStatus(m, l, now)));
  const source = facts.members.find((m) => m.member === primary?.member);
  const month = monthOf(now);
  const attention = [
    ...seatAttention(facts, primary),
    ...facts.members.flatMap((m) => memberAttention(m, now)),
    ...links.flatMap(linkAttention),
    ...(source?.checks === undefined ? [] : checkAttention(source.member, source.checks, source.links.map(openLink), now, month)),
    ...refusedAttention(facts),
  ];
  return {
    set: facts.set,
    at: now,
    ...(primary && { primary }),
    healthy: attention.length === 0,
    members: facts.members.map(memberStatus),
    links,
    ...(source?.checks && { checks: checksStatus(source.checks, month) }),
    attention,
  };
}

const openLink = ({ target, link }: LinkFacts): { readonly target: string; readonly open: boolean } => ({ target, open: link?.state === 'open' });

function memberStatus(m: MemberFacts): MemberStatus {
  const sentAt = lastSent(m);
  const seenAt = newest(m.shards.map((s) => s.seen?.at));
  return {
    member: m.member,
    region: m.region,
    role: roleOf(m),
    ...(m.seat && { epoch: m.seat.own, fence: m.seat.fence, since: m.seat.since }),
    ...(m.table && { approximateItems: m.table.itemCount }),
    refused: m.refused.length,
    ...(sentAt !== undefined && { sentAt }),
    ...(seenAt !== undefined && { seenAt }),
    ...(m.archive && { archive: archiveStatus(m.archive) }),
    ...(m.orphans && { orphans: m.orphans }),
    ...(m.tasks && m.tasks.length > 0 && { tasks: m.tasks }),
  };
}

function linkStatus(m: MemberFacts, l: LinkFacts, now: number): LinkStatus {
  const sent = lastSent(m);
  const active = m.seat !== undefined && isPrimary(m.seat);
  const health = linkHealth(l.link, now, { active, ...(l.queue && { depth: l.queue }), ...(sent !== undefined && { lastSentMs: sent }) });
  const dead = total(l.dead);
  return {
    source: l.source,
    target: l.target,
    ...health,
    ...(l.link?.proven !== undefined && { proven: l.link.proven }),
    ...(l.queue && { queue: l.queue }),
    ...(dead !== undefined && { deadLetters: dead }),
    ...(l.link?.failing && { breaker: l.link.failing }),
    ...(m.checks && { check: linkCheckStatus(m.checks, l.target, now) }),
  };
}

function seatAttention(facts: SetFacts, primary: { member: string; epoch: number } | undefined): Attention[] {
  const found: Attention[] = [];
  if (primary === undefined && facts.members.every((m) => roleOf(m) === 'uninitialised')) {
    return [
      {
        code: 'not-initialised',
        message: `The set "${facts.set}" is deployed, but no member has a seat: nothing is replicated yet. Run "syncline init --primary MEMBER".`,
      },
    ];
  }
  if (primary === undefined) {
    found.push({ code: 'no-primary', message: 'No member that answered is primary: writes are refused and nothing is replicated.' });
  }
  for (const m of facts.members) {
    if (roleOf(m) === 'uninitialised') {
      found.push({
        code: 'no-seat',
        member: m.member,
        message: `${m.member} has no seat: nothing is applied there. Run "syncline init --primary ${primary?.member ?? 'MEMBER'}" again.`,
      });
    }
  }
  for (const m of facts.members) {
    if (primary === undefined || m.seat === undefined || m.member === primary.member) continue;
    if (isPrimary(m.seat)) {
      found.push({
        code: 'old-primary',
        member: m.member,
        message: `${m.member} still holds epoch ${m.seat.own}, while ${primary.member} is primary in epoch ${primary.epoch}. Its writes will not be replicated; raise its fence.`,
      });
    } else if (m.seat.fence < primary.epoch) {
      found.push({
        code: 'fence-behind',
        member: m.member,
        message: `The fence of ${m.member} is ${m.seat.fence}, the primary's epoch ${primary.epoch}. It rises with the first message that arrives.`,
      });
    }
  }
  return found;
}

function memberAttention(m: MemberFacts, now: number): Attention[] {
  const found: Attention[] = m.unread.map((u) => ({
    code: m.reached ? 'unread' : u.kind === 'missing' ? 'not-deployed' : 'unreachable',
    member: m.member,
    message: m.reached
      ? `Could not read ${u.what}: ${u.kind}: ${u.message}`
      : `${m.region} does not answer for ${m.member}: ${u.kind}: ${u.code}: ${u.message}`,
  }));
  if (m.seat !== undefined && m.table !== undefined) {
    // A table that was made anew has another stream, of course: one thing to say.
    const same = m.table.tableId === m.seat.tableId;
    if (!same) {
      found.push({
        code: 'foreign-table',
        member: m.member,
        message: `The items table of ${m.member} is not the registered one (TableId ${m.table.tableId}, registered ${m.seat.tableId}): it was deleted and made anew, or restored.`,
      });
    }
    if (!m.table.streamEnabled) {
      found.push({ code: 'no-stream', member: m.member, message: `The items table of ${m.member} has no enabled stream: its changes are not seen.` });
    } else if (same && m.table.streamArn !== m.seat.stream) {
      found.push({
        code: 'foreign-stream',
        member: m.member,
        message: `The stream of ${m.member} is not the registered one: it was disabled and enabled again. Changes go out as resyncs until the epoch is raised.`,
      });
    }
  }
  const failures = total(m.streamFailures);
  if (failures !== undefined && failures > 0) {
    found.push({
      code: 'stream-failures',
      member: m.member,
      message: `${failures} stream ${failures === 1 ? 'batch' : 'batches'} of ${m.member} could not be processed in time (queue of stream failures): its links are incomplete.`,
    });
  }
  return [...found, ...fanoutAttention(m, now), ...(m.archive === undefined ? [] : archiveAttention(m.member, m.archive, m.shards, now))];
}

/** What fan-out has lost, or is about to: as long as a link is stale, or becomes stale with the next minute run by it. */
function fanoutAttention(m: MemberFacts, now: number): Attention[] {
  const { seat } = m;
  if (seat === undefined || !isPrimary(seat)) return [];
  return m.shards.flatMap((s) => {
    const record = overdueRecord(s, now);
    if (record === undefined || record.at <= seat.since) return [];
    if (!m.links.some(({ link }) => link !== undefined && (link.state === 'stale' || losesRecord(link, seat.since, record)))) return [];
    return [
      {
        code: 'fanout-behind',
        member: m.member,
        message: `Fan-out of ${m.member} is ${span(now - record.at)} behind in shard ${s.id}: it has not sent a record that the observer has seen. DynamoDB drops records after 24 h.`,
      },
    ];
  });
}

function linkAttention(l: LinkStatus): Attention[] {
  const link = `${l.source}:${l.target}`;
  const found: Attention[] = [];
  if (l.attention) found.push({ code: `link-${l.state}`, link, message: l.reason });
  if (l.deadLetters !== undefined && l.deadLetters > 0) {
    found.push({
      code: 'dead-letters',
      link,
      message: `${l.deadLetters} dead ${l.deadLetters === 1 ? 'letter' : 'letters'}. The minute's run turns them into resyncs; what stays is unreadable. See "syncline dlq list --link ${link}".`,
    });
  }
  return found;
}

function refusedAttention(facts: SetFacts): Attention[] {
  return facts.members.flatMap((m) => {
    if (m.refused.length === 0) return [];
    const count = `${m.refused.length}${m.refusedMore ? ' or more' : ''}`;
    return [
      {
        code: 'refused',
        member: m.member,
        message: `${count} ${m.refused.length === 1 ? 'key that' : 'keys that'} ${m.member} cannot take as ${m.refused.length === 1 ? 'it is' : 'they are'}. See "syncline refused list".`,
      },
    ];
  });
}
