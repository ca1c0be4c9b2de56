import { CHECK_PATH, check, checks, FINDINGS_PATH, findings, proof } from './api-checks.ts';
import { diff } from './api-diff.ts';
import { ORPHAN_PATH, orphan, orphans } from './api-orphans.ts';
import type { ProblemCode } from './problem.ts';
import type { Route } from './route.ts';

/** The routes about the agreement of the members: they only tell. Checks are begun, approved and repaired by the command, or on a schedule. */

const REPORT_PROBLEMS: readonly ProblemCode[] = ['invalid-query', 'busy', 'store-unavailable', 'not-initialised', 'no-primary', 'member-unreachable'];
const BUCKET_PROBLEMS: readonly ProblemCode[] = ['archive-damaged', 'archive-unavailable'];
const ORPHAN_PROBLEMS: readonly ProblemCode[] = ['invalid-query', 'not-acceptable', 'invalid-header', 'busy', 'store-unavailable', 'member-unreachable'];

/** What all of them have in common. Like the status, they show how the set does, and keys of items beside: that is for operators. */
const REPORT: Pick<Route, 'method' | 'scope' | 'tag' | 'writes' | 'forwardable'> = {
  method: 'GET',
  scope: 'admin',
  tag: 'Checks',
  writes: false,
  forwardable: true,
};
const AT_PRIMARY = 'The primary has it: another member hands the request on to it.';

export const CHECK_ROUTES: readonly Route[] = [
  {
    ...REPORT,
    path: '/items/diff',
    scope: 'read',
    id: 'itemDiff',
    tag: 'Items',
    summary: 'One item at every member',
    description:
      'Reads an item at the primary and at all other members, consistently, and says what differs, attribute by attribute. Values that DynamoDB calls equal are equal, however they are written. It looks at this moment: what differs may be a change on its way, which only a check tells apart. It reads from other regions, so it takes a while.',
    forwardable: false,
    key: 'required',
    answers: { 200: { description: 'The item, and what differs.', content: 'diff', headers: ['syncline-member'] } },
    problems: [
      'invalid-query',
      'invalid-key',
      'invalid-header',
      'not-acceptable',
      'busy',
      'store-unavailable',
      'not-initialised',
      'no-primary',
      'primary-unreachable',
    ],
    run: diff,
  },
  {
    ...REPORT,
    path: '/proof',
    id: 'proof',
    summary: 'Are the members equal?',
    description: `As of when each member was shown to be equal to the primary, how much of the table, or why not; what the last check found; and what needs a person. ${AT_PRIMARY}`,
    answers: { 200: { description: 'What is known.', content: 'proof', headers: ['syncline-member'] } },
    problems: REPORT_PROBLEMS,
    run: proof,
  },
  {
    ...REPORT,
    path: '/checks',
    id: 'listChecks',
    summary: 'The newest checks',
    description: `Up to 100 checks, the newest first, under way or ended. ${AT_PRIMARY}`,
    answers: { 200: { description: 'The checks.', content: 'check-list', headers: ['syncline-member'] } },
    problems: REPORT_PROBLEMS,
    run: checks,
  },
  {
    ...REPORT,
    path: CHECK_PATH,
    id: 'getCheck',
    summary: 'What a check says',
    description: `The report of a check, as it stands while it is under way. \`first\` has the first of its findings. ${AT_PRIMARY}`,
    options: ['check-id'],
    answers: { 200: { description: 'The report.', content: 'check', headers: ['syncline-member'] } },
    problems: [...REPORT_PROBLEMS, ...BUCKET_PROBLEMS, 'unknown-check'],
    run: check,
  },
  {
    ...REPORT,
    path: FINDINGS_PATH,
    id: 'listFindings',
    summary: 'What a check has found',
    description: `The keys that are not simply equal, a page at a time. A page may end earlier than \`limit\`. ${AT_PRIMARY}`,
    options: ['check-id', 'limit', 'cursor'],
    answers: { 200: { description: 'A page.', content: 'findings-page', headers: ['syncline-member'] } },
    problems: [...REPORT_PROBLEMS, ...BUCKET_PROBLEMS, 'invalid-cursor', 'unknown-check'],
    run: findings,
  },
  {
    ...REPORT,
    path: '/orphans',
    id: 'listOrphans',
    summary: 'Writes that lost their place',
    description:
      'What was written by hand at a secondary, a page at a time, as the member has it that is asked, or `member`. A page may end earlier than `limit`, and even be empty: go on as long as there is `next`.',
    options: ['state', 'member', 'limit', 'cursor'],
    answers: { 200: { description: 'A page.', content: 'orphan-page', headers: ['syncline-member'] } },
    problems: [...ORPHAN_PROBLEMS, 'invalid-cursor'],
    run: orphans,
  },
  {
    ...REPORT,
    path: ORPHAN_PATH,
    id: 'getOrphan',
    summary: 'A write that lost its place',
    description:
      'An orphan with what was written, and what it replaced, as long as the log has it. `GET /items/diff` says what the primary has now. It is re-applied or discarded by the command `syncline orphans`.',
    options: ['orphan-id', 'member'],
    answers: { 200: { description: 'The orphan.', content: 'orphan', headers: ['syncline-member'] } },
    problems: [...ORPHAN_PROBLEMS, ...BUCKET_PROBLEMS, 'unknown-orphan'],
    run: orphan,
  },
];
