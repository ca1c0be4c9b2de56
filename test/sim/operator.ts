import { CLOCK_OFFSET_MAX_MS } from '../../lib/core/constants.ts';
import type { ResyncKey } from '../../lib/core/formats/message.ts';
import { decodeSeat, linkKey, numberValue, SEAT_KEY, stringValue } from '../../lib/core/formats/rows.ts';
import { OPEN_WAIT_MS, raiseFence } from '../../lib/replicate/apply/fence.ts';
import { planResync } from '../../lib/replicate/fanout-plan.ts';
import { initSet } from '../../lib/replicate/init.ts';
import { sendToLanes } from '../../lib/replicate/send.ts';
import type { SimProcess } from './process.ts';
import { KEY, keyOfName, nameOfKey } from './set.ts';
import type { World } from './world.ts';

/**
 * The silence of a promotion (virtual ms): from the raise of the fences to the first accepted write. Longer than W + R
 * by more than two hosts' clocks can differ on each side, so that `since`, in its middle, parts the writes of the old
 * epoch's appliers from the new epoch's own.
 */
export const SILENCE_MS = OPEN_WAIT_MS + 4 * CLOCK_OFFSET_MAX_MS + 2_000;

/** What a person, or later the control plane and the checker, does: roles, refills, re-made members. It uses the flows' own functions. */
export class Operator {
  readonly #world: World;
  /** Promotions under way. */
  promoting = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Seats and links of a new set, or of members that came back empty. */
  async init(primary: string): Promise<void> {
    const { set } = this.#world;
    const me = this.#me(primary);
    await initSet(set.config, set.memberConfig(primary), (m) => set.region(m.name).ports(me).table, me.clock.now());
  }

  /**
   * Makes a member primary, as docs/ARCHITECTURE.md describes promotion: raise the epoch; raise the fence at every member
   * that can be reached; wait; accept. Its links' copies are in doubt until they are resynced.
   *
   * @param afterMs how long it takes until somebody does it (virtual ms).
   */
  async promote(to: string, reachable: (member: string) => boolean, afterMs = 0): Promise<void> {
    const world = this.#world;
    const { set } = world;
    const me = this.#me(to);
    this.promoting += 1;
    try {
      await me.clock.sleep(afterMs);
      const epoch = 1 + Math.max(...set.members.map((m) => set.seat(m)?.fence ?? 0), world.model.primary?.epoch ?? 0);
      world.trace.add('role', () => ({ who: 'operator', at: to, text: `raises the fences to epoch ${epoch}` }));
      for (const member of set.members) if (member === to || reachable(member)) await this.#raise(to, member, epoch);
      await me.clock.sleep(SILENCE_MS / 2);
      const since = me.clock.now();
      await me.clock.sleep(SILENCE_MS / 2);
      const { table } = set.region(to).ports(me);
      const row = await table.get(set.controlName(to), SEAT_KEY);
      if (row === undefined) return;
      const seat = decodeSeat(row);
      const stream = set.items(to).stream?.arn ?? '';
      const answer = await table.update(
        set.controlName(to),
        SEAT_KEY,
        { set: { own: numberValue(epoch), since: numberValue(since), stream: stringValue(stream), v: numberValue(seat.v + 1) } },
        {
          op: 'and',
          of: [
            { op: '=', path: ['fence'], value: numberValue(epoch) },
            { op: '=', path: ['v'], value: numberValue(seat.v) },
          ],
        },
      );
      if (!answer.ok) return;
      this.accepted(to, epoch, stream, since);
    } finally {
      this.promoting -= 1;
    }
  }

  /** Tells the model who is primary now. */
  accepted(member: string, epoch: number, stream: string, since: number): void {
    const world = this.#world;
    world.model.roles.push({ epoch, member, stream, since, t: world.clock.elapsed() });
    world.trace.add('role', () => ({ who: 'operator', at: member, text: `is primary in epoch ${epoch}` }));
    if (epoch > 1) for (const link of world.set.links) if (link.source === member) world.doubt.all(link.id, `epoch ${epoch} began`);
    for (const oracle of world.oracles) oracle.promoted?.(member, epoch);
  }

  /** A link that was given up is open again. */
  async reopen(source: string, target: string): Promise<void> {
    const world = this.#world;
    const me = this.#me(source);
    await world.set
      .region(source)
      .ports(me)
      .table.update(
        world.set.controlName(source),
        linkKey(target),
        { set: { state: stringValue('open'), since: numberValue(me.clock.now()) }, remove: ['why', 'refusing'] },
        { op: 'present', path: ['state'] },
      );
  }

  /** Sends resyncs of keys down a link. Returns whether all were stored. */
  async resync(source: string, target: string, keys: readonly string[]): Promise<boolean> {
    const world = this.#world;
    const seat = world.set.seat(source);
    if (seat === undefined || keys.length === 0) return keys.length === 0;
    const me = this.#me(source);
    world.trace.add('operator', () => ({ who: 'operator', link: `${source}>${target}`, keys, text: `resyncs ${keys.length} keys` }));
    const wanted: ResyncKey[] = keys.map((name) => ({ k: keyOfName(name) }));
    const sends = planResync(wanted, { set: 'sim', epoch: seat.own, source, lanes: world.knobs.lanes, sent: me.clock.now() }, KEY);
    const { failed } = await sendToLanes(world.set.region(source).ports(me).queue, world.set.link(source, target).queue.url, sends, () => me.chance.nonce());
    return failed.size === 0;
  }

  /** First half of mending: re-made members get seats, and links that were given up are open again, so that their lanes drain. */
  async reopenAll(): Promise<void> {
    const world = this.#world;
    const { set } = world;
    const primary = world.model.primary;
    if (primary === undefined) return;
    if (set.members.some((m) => set.seat(m) === undefined)) {
      // A member that was out of reach may still hold itself for the primary of an older epoch; nothing is made anew beside it.
      for (const member of set.members) if (set.seat(member) !== undefined) await this.#raise(primary.member, member, primary.epoch);
      await this.init(primary.member);
    }
    for (const link of set.links) {
      if (link.source !== primary.member || set.linkRow(link.source, link.target)?.state !== 'stale') continue;
      world.doubt.all(link.id, 'the link was stale');
      await this.reopen(link.source, link.target);
    }
  }

  /**
   * Second half, once the lanes are drained: what is in doubt is resynced. Not before: a lane may still bring keys that
   * neither side has now.
   */
  async resyncDoubtful(): Promise<void> {
    const world = this.#world;
    const primary = world.model.primary?.member;
    for (const link of world.set.links) {
      if (primary === undefined || link.source !== primary) continue;
      // Single keys that somebody wrote by hand are the checker's, where there is one.
      const some = world.checked ? [] : world.doubt.keys(link.id);
      const keys = world.doubt.why(link.id) === undefined ? some : this.#allKeys(primary, link.target);
      if (keys.length > 0) await this.resync(primary, link.target, keys);
    }
  }

  /** Raises a member's fence for the primary of an epoch. One that is there already stays. */
  async #raise(primary: string, member: string, epoch: number): Promise<void> {
    const { set } = this.#world;
    const me = this.#me(primary);
    const open = { region: primary, at: me.clock.now() + OPEN_WAIT_MS + CLOCK_OFFSET_MAX_MS };
    await raiseFence(set.region(member).ports(me).table, set.controlName(member), epoch, primary, open);
    this.#world.trace.add('role', () => ({ who: 'operator', at: member, text: `fence ${epoch}` }));
  }

  #allKeys(source: string, target: string): readonly string[] {
    const { set } = this.#world;
    return [...new Set([...set.items(source).items(), ...set.items(target).items()].map(nameOfKey))].sort();
  }

  #me(member: string): SimProcess {
    return this.#world.process(member, 'operator');
  }
}
