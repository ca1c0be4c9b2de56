import { FormatError } from '../../core/errors.ts';
import type { ChangesMessage, LaneMessage, ResyncMessage } from '../../core/formats/message.ts';
import { decodeMessage } from '../../core/formats/message.ts';
import { reportJobProblem } from '../../core/formats/report.ts';
import type { QueueMessage } from '../../ports/queue.ts';

/**
 * One event's messages, sorted into lanes and units. Pure but for the marks that a pass makes on it.
 */

/** Consecutive messages of a lane that are handled together. */
export type Unit =
  | { readonly kind: 'changes'; readonly epoch: number; readonly count: number; readonly messages: readonly ChangesMessage[] }
  | { readonly kind: 'resync'; readonly epoch: number; readonly count: 1; readonly message: ResyncMessage; readonly receives: number }
  | { readonly kind: 'unreadable'; readonly count: 1; readonly source: QueueMessage; readonly reason: string };

/** Why a lane was given up in this invocation. */
export interface LaneFailure {
  /** `target`: slow, throttled, or gone · `fence`: must wait, for `waitMs` · `owner`: another owner has it · `late`: no time left · `queue`: the dead-letter queue refuses · `bucket`: it does not take a report */
  readonly cause: 'target' | 'fence' | 'owner' | 'late' | 'queue' | 'bucket' | 'paused' | 'source';
  readonly why: string;
  readonly waitMs?: number;
}

/** One lane's share of an event. */
export interface LaneWork {
  readonly group: string;
  readonly messages: readonly QueueMessage[];
  readonly units: readonly Unit[];
  /** Units that are finished, from the first on. */
  done: number;
  failure: LaneFailure | undefined;
}

/**
 * Sorts messages into lanes, in their order. Neighbouring `changes` of one epoch become one unit, so that they share
 * requests and the newest change of a key wins.
 */
export function lanesOf(messages: readonly QueueMessage[], link: { readonly set: string; readonly source: string }): LaneWork[] {
  const groups = new Map<string, QueueMessage[]>();
  for (const message of messages) {
    const list = groups.get(message.group);
    if (list === undefined) groups.set(message.group, [message]);
    else list.push(message);
  }
  return [...groups].map(([group, list]) => ({ group, messages: list, units: unitsOf(list, link), done: 0, failure: undefined }));
}

function unitsOf(messages: readonly QueueMessage[], link: { readonly set: string; readonly source: string }): Unit[] {
  const units: Unit[] = [];
  for (const source of messages) {
    const read = readMessage(source.body, link);
    if (typeof read === 'string') {
      units.push({ kind: 'unreadable', count: 1, source, reason: read });
      continue;
    }
    const before = units.at(-1);
    if (read.kind === 'resync') units.push({ kind: 'resync', epoch: read.epoch, count: 1, message: read, receives: source.receiveCount });
    else if (before?.kind === 'changes' && before.epoch === read.epoch) {
      units[units.length - 1] = { ...before, count: before.count + 1, messages: [...before.messages, read] };
    } else units.push({ kind: 'changes', epoch: read.epoch, count: 1, messages: [read] });
  }
  return units;
}

/** The message, or why it is not one for this link. */
export function readMessage(body: string, link: { readonly set: string; readonly source: string }): LaneMessage | string {
  let message: LaneMessage;
  try {
    message = decodeMessage(body);
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
  if (message.set !== link.set || message.source !== link.source) {
    return `a message of the set "${message.set}" from "${message.source}" in a queue of the set "${link.set}" from "${link.source}"`;
  }
  if (message.kind === 'resync' && message.mode === 'report') return reportJobProblem(message.job) ?? message;
  return message;
}

/** The messages that were not finished: from the first failed one of each lane on, never a later one without the earlier. */
export function unfinished(lane: LaneWork): readonly QueueMessage[] {
  if (lane.failure === undefined) return [];
  const finished = lane.units.slice(0, lane.done).reduce((sum, unit) => sum + unit.count, 0);
  return lane.messages.slice(finished);
}
