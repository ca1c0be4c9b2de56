import type { FaultKind } from '../fault.ts';
import { archiveAway } from './archive-away.ts';
import { backfillHole } from './backfill-hole.ts';
import { checks } from './checks.ts';
import { crash } from './crash.ts';
import { drift } from './drift.ts';
import { failedEntries } from './failed-entries.ts';
import { foreignMetadata } from './foreign-metadata.ts';
import { freeze } from './freeze.ts';
import { hotKeys } from './hot-keys.ts';
import { lag } from './lag.ts';
import { lateEffect } from './late-effect.ts';
import { lateSend } from './late-send.ts';
import { lostAnswer } from './lost-answer.ts';
import { lostRequest } from './lost-request.ts';
import { nearDeadline } from './near-deadline.ts';
import { outageDays, outageWeeks } from './outage.ts';
import { partition } from './partition.ts';
import { poison } from './poison.ts';
import { putCrash } from './put-crash.ts';
import { putUnanswered } from './put-unanswered.ts';
import { queueRefuses } from './queue-refuses.ts';
import { readersAway } from './readers-away.ts';
import { recut } from './recut.ts';
import { redelivery } from './redelivery.ts';
import { refusedConnection } from './refused-connection.ts';
import { regionDown } from './region-down.ts';
import { regionWiped } from './region-wiped.ts';
import { replay } from './replay.ts';
import { replicaRestored } from './replica-restored.ts';
import { roleChange } from './role-change.ts';
import { shardSplit } from './shard-split.ts';
import { silentCorruption } from './silent-corruption.ts';
import { slowClient } from './slow-client.ts';
import { slowService } from './slow-service.ts';
import { snapshot } from './snapshot.ts';
import { stepBack } from './step-back.ts';
import { streamReplaced } from './stream-replaced.ts';
import { supersededReceipt } from './superseded-receipt.ts';
import { throttling } from './throttling.ts';
import { tornBatch } from './torn-batch.ts';
import { trimmed } from './trimmed.ts';
import { unprocessed } from './unprocessed.ts';

/** Every kind of fault. Of those that touch requests the first that strikes wins, so what lasts stands before what passes. */
export const FAULTS: readonly FaultKind[] = [
  regionDown,
  outageDays,
  outageWeeks,
  partition,
  throttling,
  queueRefuses,
  putCrash,
  putUnanswered,
  lostRequest,
  lostAnswer,
  lateEffect,
  slowService,
  slowClient,
  refusedConnection,
  failedEntries,
  unprocessed,
  tornBatch,
  redelivery,
  nearDeadline,
  supersededReceipt,
  freeze,
  lateSend,
  crash,
  recut,
  stepBack,
  replay,
  shardSplit,
  lag,
  trimmed,
  archiveAway,
  readersAway,
  snapshot,
  regionWiped,
  roleChange,
  streamReplaced,
  drift,
  foreignMetadata,
  poison,
  checks,
  hotKeys,
  backfillHole,
  silentCorruption,
  replicaRestored,
];
