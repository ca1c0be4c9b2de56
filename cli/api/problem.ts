import { z } from 'zod';
import type { Ending } from '../errors.ts';
import { CliError } from '../errors.ts';
import type { ApiAnswer } from './client.ts';

/** What of problem details (RFC 9457) a person needs. */
const problemJson = z.object({
  type: z.string().exactOptional(),
  title: z.string().exactOptional(),
  detail: z.string().exactOptional(),
  errors: z.array(z.object({ path: z.string(), detail: z.string() })).exactOptional(),
});

const TYPE_PREFIX = 'urn:syncline:problem:';

/** How the command ends for a status: the caller's mistake, a state of the item, or a service that cannot now. */
function endingOf(status: number): Ending {
  if (status === 404) return 'attention';
  if (status === 400 || status === 406 || status === 413 || status === 415) return 'usage';
  return status >= 500 || status === 429 ? 'unreachable' : 'failed';
}

/** The error of an answer that is none of those that were hoped for. Pure. */
export function problemError(answer: Pick<ApiAnswer, 'status' | 'text' | 'member'>): CliError {
  const parsed = problemJson.safeParse(jsonOf(answer.text));
  const problem = parsed.success ? parsed.data : {};
  const code = problem.type?.startsWith(TYPE_PREFIX) === true ? problem.type.slice(TYPE_PREFIX.length) : `http-${answer.status}`;
  const detail = problem.detail ?? problem.title ?? `The API answered ${answer.status}: ${answer.text.slice(0, 200)}`;
  const paths = problem.errors ?? [];
  const details = { status: answer.status, member: answer.member, ...(paths.length > 0 && { errors: paths }) };
  return new CliError(endingOf(answer.status), code, `${detail}${hint(answer.status)}`, details);
}

/** What to do about a refusal whose own words do not say it. */
function hint(status: number): string {
  if (status === 401) return ' Give a token with --token or SYNCLINE_TOKEN.';
  if (status === 403) return ' The credentials, or the token, may not do this: they need execute-api:Invoke on the API, or the scope.';
  return '';
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
