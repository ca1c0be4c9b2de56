import type { MakeOracle } from '../oracle.ts';
import { archive } from './archive.ts';
import { checks } from './checks.ts';
import { converge } from './converge.ts';
import { deadlines } from './deadlines.ts';
import { digests } from './digests.ts';
import { drift } from './drift.ts';
import { fence } from './fence.ts';
import { fidelity } from './fidelity.ts';
import { follow } from './follow.ts';
import { lanes } from './lanes.ts';
import { log } from './log.ts';
import { marks } from './marks.ts';
import { order } from './order.ts';
import { owner } from './owner.ts';
import { proof } from './proof.ts';
import { returns } from './returns.ts';
import { verdicts } from './verdicts.ts';

/** Every oracle. Each run has all of them. */
export const ORACLES: readonly MakeOracle[] = [
  order,
  fence,
  deadlines,
  fidelity,
  lanes,
  marks,
  log,
  owner,
  follow,
  returns,
  converge,
  archive,
  verdicts,
  checks,
  drift,
  digests,
  proof,
];
