import { InputError } from '../lib/core/errors.ts';
import { RemoteError } from '../lib/ports/errors.ts';
import { NotInitialisedError } from '../lib/replicate/self.ts';

/** How the command ends. Documented in its help; part of the API. */
export const EXIT = { ok: 0, failed: 1, usage: 2, attention: 3, unreachable: 4 } as const;
export type Ending = keyof typeof EXIT;

/** An error for the person at the command: what was wrong, what was seen, what to do. */
export class CliError extends Error {
  readonly ending: Ending;
  /** Stable code, e.g. "not-deployed". */
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(ending: Ending, code: string, message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliError';
    this.ending = ending;
    this.code = code;
    this.details = details;
  }
}

/** Names of errors by which the SDK says that it found no credentials, or only expired ones. */
const NO_CREDENTIALS = new Set([
  'CredentialsProviderError',
  'ProviderError',
  'TokenProviderError',
  'ExpiredTokenException',
  'ExpiredToken',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
]);

/** Most causes that are followed: an error chain may have a loop. */
const CAUSES_MAX = 8;

function chain(error: unknown): Error[] {
  const found: Error[] = [];
  for (let e = error; e instanceof Error && found.length < CAUSES_MAX; e = e.cause) found.push(e);
  return found;
}

/** Where an error came from, for the message. */
export interface ErrorPlace {
  readonly set?: string;
  /** "eu-central-1 (http://127.0.0.1:4566)". */
  readonly where?: string;
  readonly local?: boolean;
}

/** Turns anything that was thrown into an error for a person. Pure. */
export function explain(error: unknown, place: ErrorPlace = {}): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof InputError) {
    // A wrong value is a wrong command line; everything else that a flow refuses lies in the set itself.
    const ending = error.code.startsWith('invalid-') ? 'usage' : 'failed';
    return new CliError(ending, error.code, error.message, error.path === undefined ? {} : { path: error.path });
  }
  if (error instanceof NotInitialisedError) return new CliError('failed', 'not-initialised', error.message);
  const causes = chain(error);
  const missing = causes.find((e) => NO_CREDENTIALS.has(e.name) || (e instanceof RemoteError && NO_CREDENTIALS.has(e.code)));
  if (missing !== undefined) {
    return new CliError(
      'failed',
      'no-credentials',
      `AWS credentials are missing or not accepted (${missing.message}). Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in ("aws sso login"), then try again.`,
    );
  }
  if (error instanceof RemoteError) return explainRemote(error, place);
  const first = causes[0];
  return new CliError('failed', 'unexpected', first === undefined ? String(error) : `${first.name}: ${first.message}`, {}, { cause: error });
}

function explainRemote(error: RemoteError, place: ErrorPlace): CliError {
  const at = place.where === undefined ? '' : ` at ${place.where}`;
  const details = { kind: error.kind, cause: error.code };
  if (error.kind === 'missing') {
    const set = place.set === undefined ? 'the set' : `the set "${place.set}"`;
    return new CliError(
      'failed',
      'not-deployed',
      `${set} is not deployed${at}: ${error.message}. Check --set, --regions and --account; deploy with "npx cdk deploy --all".`,
      details,
    );
  }
  if (error.kind === 'denied')
    return new CliError(
      'failed',
      'denied',
      `The request was not allowed${at}: ${error.code}: ${error.message}. Check the account and the permissions of your credentials.`,
      details,
    );
  if (error.kind === 'invalid') return new CliError('failed', 'invalid', `The request was refused${at}: ${error.code}: ${error.message}`, details);
  const todo =
    place.local === true
      ? 'Is the local cloud running? Start it with "npm start", or give --endpoint.'
      : 'Check the network and the name of the region, then try again.';
  return new CliError('unreachable', 'unreachable', `No answer${at}: ${error.code}: ${error.message}. ${todo}`, details);
}
