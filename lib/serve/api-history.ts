import { missingBetween } from '../archive/history/between.ts';
import { logBegan } from '../archive/log/began.ts';
import type { Finding } from '../archive/log/finding.ts';
import type { KeyHistory } from '../archive/log/history.ts';
import { history } from '../archive/log/history.ts';
import { STAMP_DISORDER_MS } from '../archive/log/limits.ts';
import { isoSeconds } from '../core/calendar.ts';
import type { Runtime } from '../ports/runtime.ts';
import { fromArchive } from './archive-problem.ts';
import type { Form } from './body.ts';
import type { ServeContext } from './context.ts';
import { forwardTo } from './forward.ts';
import { HISTORY_CURSOR_MAX, historyCursor } from './history-cursor.ts';
import { changeText, fittingTexts, gapsOf, pageText } from './history-page.ts';
import type { HistoryIntent } from './history-query.ts';
import { historyIntent } from './history-query.ts';
import { answerForm, TYPE_OF } from './negotiate.ts';
import { ProblemError, RETRY_AFTER_S } from './problem.ts';
import type { Operation } from './route.ts';

/** No request for a page is begun after this (ms): as for queries, so that clients wait alike. Then `next` says where to go on. */
export const HISTORY_BUDGET_MS = 8_000;

/** GET /items/history: what became of an item, from the log of one member; the newest change first. */
export const itemHistory: Operation = async (ctx, runtime, request, facts) => {
  const intent = historyIntent(
    request.query,
    ctx.key,
    facts.members.map((m) => m.name),
  );
  const form = answerForm(request);
  if (intent.member !== undefined && intent.member !== ctx.member) {
    // The member that was asked knows of nobody else: it is not handed on twice.
    if (request.forwarded) throw new ProblemError('member-unreachable', `The request was handed to "${ctx.member}", but is for "${intent.member}".`);
    return forwardTo(ctx, runtime, request, intent.member);
  }
  const found = await read(ctx, runtime, intent);
  return {
    status: 200,
    headers: { 'content-type': TYPE_OF[form], 'cache-control': 'no-store', vary: 'accept', 'syncline-member': ctx.member },
    body: pageOf(ctx, intent, found, form),
  };
};

/** @throws ProblemError "archive-damaged", "archive-unavailable" */
async function read({ archive }: ServeContext, runtime: Runtime, { key, limit, sinceMs, untilMs, place }: HistoryIntent): Promise<KeyHistory> {
  // After a change that was shown its place counts, not its time: an older one may be stamped a little later.
  const shownUntil = place && (place.shown === undefined ? place.atMs : place.atMs + STAMP_DISORDER_MS);
  const until = Math.min(...[untilMs, shownUntil].filter((ms) => ms !== undefined), Number.MAX_SAFE_INTEGER);
  return fromArchive(async () => {
    const found = await history(archive, runtime, key, {
      limit,
      until: runtime.clock.elapsed() + HISTORY_BUDGET_MS,
      ...(sinceMs !== undefined && { sinceMs }),
      ...(until < Number.MAX_SAFE_INTEGER && { untilMs: until }),
      ...(place?.shown !== undefined && { before: place.shown }),
    });
    // Said once, where the history ends.
    const early = sinceMs === undefined || found.more ? [] : earlier(sinceMs, await logBegan(archive, runtime));
    return { ...found, findings: [...found.findings, ...early] };
  });
}

/** The time that was asked for begins before the log does. */
function earlier(sinceMs: number, beganMs: number | undefined): Finding[] {
  if (beganMs !== undefined && sinceMs >= beganMs) return [];
  const what = beganMs === undefined ? 'The log is empty.' : `The log begins at ${isoSeconds(beganMs)}: what was changed before is not in it.`;
  return [{ kind: 'hole', fromMs: sinceMs, ...(beganMs !== undefined && { toMs: beganMs }), what, todo: '' }];
}

/** @throws ProblemError "archive-unavailable" when there was no time to find anything */
function pageOf(ctx: ServeContext, { key, images, place: asked }: HistoryIntent, found: KeyHistory, form: Form): string {
  const newestFirst = [...found.changes].reverse();
  const gaps = gapsOf([...found.findings, ...missingBetween(found.changes)]);
  const shown = fittingTexts(newestFirst, (change) => changeText(change, form, images), { gaps, next: 'x'.repeat(HISTORY_CURSOR_MAX) });
  if (!found.more && shown.length === newestFirst.length) return pageText(shown, { gaps });
  const last = newestFirst[shown.length - 1];
  if (last !== undefined) {
    const { at, label, sequence } = last;
    return pageText(shown, { gaps, next: historyCursor({ member: ctx.member, atMs: at, shown: { label, sequence } }, key, ctx.key) });
  }
  // A page without a change must lead on, else its reader would go round for ever.
  const { reached } = found;
  if (reached === undefined || reached >= (asked?.atMs ?? Number.POSITIVE_INFINITY))
    throw new ProblemError('archive-unavailable', 'The log could not be looked through in time. Ask for a shorter time, with "since" and "until".', {
      retryAfterS: RETRY_AFTER_S,
    });
  return pageText([], { gaps, next: historyCursor({ member: ctx.member, atMs: reached }, key, ctx.key) });
}
