import { fetchJSON, Problem } from './problem.js';
import { session } from './session.js';

let known;

/** The deployment's settings, fetched once. */
export function config() {
    known ??= fetchJSON('/saas/config').catch((fault) => { known = undefined; throw fault; });
    return known;
}

/** `key` makes an order that is sent again, because its answer was lost, the same one. */
export async function call(method, path, body, key) {
    const token = session()?.token;
    if (!token) throw new Problem(401);
    const headers = { Authorization: `Bearer ${token}` };
    if (body) headers['Content-Type'] = 'application/json';
    if (key) headers['Idempotency-Key'] = key;
    return fetchJSON(`/saas${path}`, { method, headers, body: body && JSON.stringify(body) });
}

export const getJob = (id, links) => call('GET', `/jobs/${encodeURIComponent(id)}${links ? '?links=true' : ''}`);
export const deleteJob = (id) => call('DELETE', `/jobs/${encodeURIComponent(id)}`);
