import { LANES_DEFAULT } from '../core/constants.ts';
import type { Finding, MemberDoctorFacts } from './facts.ts';
import { unseen } from './facts.ts';

/** Checks of a member's account and region. Pure. */

/** AWS refuses requests that are signed with a time this far from its own (ms). https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html */
export const SIGNING_SKEW_MAX_MS = 5 * 60_000;
/** A clock that is off by more than this is worth a warning (ms): "init" writes this machine's time into the seats. */
export const CLOCK_WARN_MS = 5_000;
/** Oldest bootstrap version that the CDK's default synthesizer takes. https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html */
export const BOOTSTRAP_VERSION_MIN = 6;
/** Concurrency that one link's applier may take: a batch of each lane. Fan-out, observer, API and minute runs come on top. */
const OTHER_FUNCTIONS = 20;
/** Least unreserved concurrency that a set needs at its busiest. */
export const CONCURRENCY_MIN = LANES_DEFAULT + OTHER_FUNCTIONS;

/** Whether the credentials are accepted, and are of the account that the set is configured for. */
export function checkCredentials(m: MemberDoctorFacts, local: boolean): Finding {
  const at = { check: 'credentials', member: m.member };
  if (!m.identity.seen && !m.identity.denied) {
    return {
      ...at,
      level: 'fail',
      message: `${m.region} does not answer: ${m.identity.why}`,
      todo: local ? 'Start the local cloud: npm run local -- up.' : 'Check the network and the name of the region.',
    };
  }
  if (!m.identity.seen) {
    return {
      ...at,
      level: 'fail',
      message: `No credentials are accepted in ${m.region}: ${m.identity.why}`,
      todo: 'Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in: aws sso login.',
    };
  }
  const { account, arn } = m.identity.value;
  if (m.account !== undefined && m.account !== account) {
    return {
      ...at,
      level: 'fail',
      message: `The credentials are of the account ${account} (${arn}); the set is configured for ${m.account}.`,
      todo: `Use credentials of ${m.account}, or give --account ${account}.`,
    };
  }
  return { ...at, level: 'ok', message: `${arn} in the account ${account}.` };
}

/** Whether this machine's clock is near enough to AWS's for signatures, and for what "init" writes. */
export function checkClock(m: MemberDoctorFacts): Finding[] {
  const at = { check: 'clock', member: m.member };
  // Without credentials there is no answer; that is said already.
  if (!m.clock.seen) return m.identity.seen ? [unseen('clock', m.member, 'The clock', m.clock.why)] : [];
  const { offsetMs, uncertaintyMs } = m.clock.value;
  const off = Math.max(0, Math.abs(offsetMs) - uncertaintyMs);
  const words = `This machine's clock is ${seconds(Math.abs(offsetMs))} ${offsetMs < 0 ? 'ahead of' : 'behind'} ${m.region}, ± ${seconds(uncertaintyMs)}.`;
  if (off >= SIGNING_SKEW_MAX_MS)
    return [{ ...at, level: 'fail', message: words, todo: 'AWS refuses signatures that are 5 minutes off: set the clock (NTP).' }];
  if (off >= CLOCK_WARN_MS)
    return [{ ...at, level: 'warn', message: words, todo: 'Set the clock (NTP) before "syncline init": it writes this machine’s time into the seats.' }];
  return [{ ...at, level: 'ok', message: words }];
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** Whether `cdk bootstrap` has been run, by a version that is new enough. */
export function checkBootstrap(m: MemberDoctorFacts): Finding {
  const at = { check: 'bootstrap', member: m.member };
  if (!m.bootstrap.seen) return unseen('bootstrap', m.member, 'The stack CDKToolkit', m.bootstrap.why);
  const found = m.bootstrap.value;
  const account = m.identity.seen ? m.identity.value.account : (m.account ?? 'ACCOUNT');
  const todo = `npx cdk bootstrap aws://${account}/${m.region}`;
  if (found === undefined) return { ...at, level: 'fail', message: `${m.region} is not bootstrapped: there is no stack CDKToolkit.`, todo };
  if (!/^(CREATE|UPDATE)_COMPLETE$|^UPDATE_ROLLBACK_COMPLETE$/.test(found.status))
    return { ...at, level: 'fail', message: `The stack CDKToolkit is in the state ${found.status}.`, todo };
  if (found.version === undefined)
    return { ...at, level: 'warn', message: 'The stack CDKToolkit does not say its version.', todo: `If a deployment complains of it: ${todo}` };
  if (found.version < BOOTSTRAP_VERSION_MIN)
    return { ...at, level: 'fail', message: `CDKToolkit has the version ${found.version}; at least ${BOOTSTRAP_VERSION_MIN} is needed.`, todo };
  return { ...at, level: 'ok', message: `CDKToolkit has the version ${found.version}.` };
}

/** Whether Lambda has room for the functions: new accounts have 10. */
export function checkConcurrency(m: MemberDoctorFacts): Finding {
  const at = { check: 'concurrency', member: m.member };
  if (!m.concurrency.seen) return unseen('concurrency', m.member, 'Lambda’s concurrency', m.concurrency.why);
  const { limit, unreserved } = m.concurrency.value;
  const words = `Lambda may run ${limit} at once in ${m.region}, ${unreserved} of them unreserved.`;
  if (unreserved >= CONCURRENCY_MIN) return { ...at, level: 'ok', message: words };
  return {
    ...at,
    level: 'warn',
    message: `${words} A link may use one for each lane, so ${CONCURRENCY_MIN} are wanted at the busiest; with fewer, everything waits for each other.`,
    todo: `Ask for more: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000 --region ${m.region}`,
  };
}
