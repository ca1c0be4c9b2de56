import { AwsV4Signer } from 'aws4fetch';
import { API_TIMEOUT_MS, ATTEMPTS_MAX } from '../../lib/core/constants.ts';
import { retryDelayMs } from '../../lib/replicate/back-off.ts';
import { CliError } from '../errors.ts';
import type { Credentials, Session } from '../session.ts';
import { isLoopback } from '../where.ts';
import type { ApiPlace, PlaceChoice } from './members.ts';
import { apiPlaces } from './members.ts';
import { problemError } from './problem.ts';

/** The HTTP API of the members, as the command calls it. */

/** One attempt ends after this (ms): a second later than the API itself gives up. */
const ATTEMPT_MS = API_TIMEOUT_MS + 1_000;
/** Looking for the nearest healthy member ends after this (ms); then the first in the set's order is asked. */
const NEAREST_MS = 3_000;
/** Answers that another attempt may better: nothing was done, or the request may be repeated. */
const AGAIN: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export interface ApiRequest {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST';
  readonly path: string;
  /** Without "?". */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Who answered: as the answer says, else who was asked. */
  readonly member: string;
}

/** How requests are authorised: by the caller's AWS credentials, or by a token. */
export interface ApiChoice extends PlaceChoice {
  readonly token?: string;
}

/** Who asks. */
export type ApiAuth = { readonly credentials: Credentials } | { readonly token: string };

/** Sends requests to one of several APIs; another one is asked when it does not answer. */
export class ApiClient {
  readonly #session: Session;
  readonly #places: readonly ApiPlace[];
  readonly #auth: ApiAuth;

  constructor(session: Session, places: readonly ApiPlace[], auth: ApiAuth) {
    this.#session = session;
    this.#places = places;
    this.#auth = auth;
  }

  /** The same, with the nearest healthy member first: the first whose /health answers 200. */
  async nearestFirst(): Promise<ApiClient> {
    if (this.#places.length < 2) return this;
    const healthy = await Promise.any(
      this.#places.map(async (place) => {
        const answer = await this.#attempt(place, { method: 'GET', path: '/health' }, NEAREST_MS);
        if (answer.status !== 200) throw new Error(`${place.member} is not healthy: ${answer.status}`);
        return place;
      }),
    ).catch(() => undefined);
    if (healthy === undefined) return this;
    return new ApiClient(this.#session, [healthy, ...this.#places.filter((p) => p !== healthy)], this.#auth);
  }

  /**
   * Sends a request; at most ATTEMPTS_MAX attempts, member after member. ⚠ A write must carry an idempotency key: its
   * second attempt then cannot take effect twice.
   *
   * @param taken statuses beside 2xx that are an answer to the caller, not a failure.
   * @throws CliError for any other answer, or when nobody answered.
   */
  async send(request: ApiRequest, taken: readonly number[] = []): Promise<ApiAnswer> {
    const { runtime, until } = this.#session;
    let last: unknown;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const place = this.#places[(attempt - 1) % this.#places.length] as ApiPlace;
      // Another member is asked at once; the same one again only after a pause.
      const round = Math.floor((attempt - 1) / this.#places.length);
      if (round > 0) await runtime.clock.sleep(retryDelayMs(round, runtime.chance.random()));
      const left = until - runtime.clock.elapsed();
      if (left <= 0) break;
      try {
        const answer = await this.#attempt(place, request, Math.min(ATTEMPT_MS, left));
        if ((answer.status >= 200 && answer.status < 300) || taken.includes(answer.status)) return answer;
        last = problemError(answer);
        if (!AGAIN.has(answer.status)) break;
      } catch (cause) {
        last = unreachable(place, cause);
      }
    }
    throw last ?? new CliError('unreachable', 'timeout', 'The time was up before the API could be asked. Give more with --timeout SECONDS.');
  }

  async #attempt(place: ApiPlace, request: ApiRequest, ms: number): Promise<ApiAnswer> {
    const { outside } = this.#session;
    const url = `${place.url}${request.path}${request.query === undefined ? '' : `?${request.query}`}`;
    const { method, body } = request;
    // Only the headers are taken from the signer: a body that went through its Request would be sent in chunks, without a length.
    const apiKey = outside.env['SYNCLINE_API_KEY'];
    const sent = { ...request.headers, ...(apiKey !== undefined && apiKey !== '' && { 'x-api-key': apiKey }) };
    const headers = await authorised(this.#auth, place, { url, method, headers: sent, ...(body !== undefined && { body }) });
    const response = await outside.fetch(url, { method, headers, ...(body !== undefined && { body }), signal: AbortSignal.timeout(Math.ceil(ms)) });
    return { status: response.status, headers: response.headers, text: await response.text(), member: response.headers.get('syncline-member') ?? place.member };
  }
}

async function authorised(
  auth: ApiAuth,
  place: ApiPlace,
  request: { readonly url: string; readonly method: string; readonly headers: Record<string, string>; readonly body?: string },
): Promise<Headers> {
  if ('token' in auth) return new Headers({ ...request.headers, authorization: `Bearer ${auth.token}` });
  return (await new AwsV4Signer({ ...request, ...auth.credentials, service: 'execute-api', region: place.region }).sign()).headers;
}

/** Opens the API of the members, the nearest healthy one first. @throws CliError */
export async function openApi(session: Session, choice: ApiChoice): Promise<ApiClient> {
  const places = await apiPlaces(session, choice);
  const token = choice.token ?? session.outside.env['SYNCLINE_TOKEN'];
  if (token !== undefined && token !== '') return new ApiClient(session, places, { token }).nearestFirst();
  if (choice.url !== undefined && session.where.local && !isLoopback(choice.url)) {
    // Made-up credentials are what a local cloud gets; a real API needs real ones.
    throw new CliError('usage', 'bad-url', `--url ${choice.url} is not on this machine, while the command talks to a local cloud. Add --aws.`);
  }
  const credentials = await session.outside.credentials(session.where.local);
  return new ApiClient(session, places, { credentials }).nearestFirst();
}

function unreachable(place: ApiPlace, cause: unknown): CliError {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const why = error.name === 'TimeoutError' ? 'no answer in time' : error.cause instanceof Error ? error.cause.message : error.message;
  return new CliError(
    'unreachable',
    'unreachable',
    `The API of ${place.member} (${place.url}) cannot be reached: ${why}. See "syncline status".`,
    {},
    { cause },
  );
}
