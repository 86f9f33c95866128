// Signing in by OpenID Connect: the authorization code flow with PKCE, as a public client. All of it is kept in
// sessionStorage, which a tab has to itself: tabs sign in and out without disturbing each other.
import { fetchJSON, Problem, webURL } from './problem.js';

const refused = (detail) => new Problem(400, { detail: `${detail} Please sign in again.` });
const base64url = (bytes) => btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

function read(key) {
    try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; }
}

/** {token, until, user, name}, or null when nobody is signed in. */
export function session() {
    const it = read('session');
    return it?.until > Date.now() ? it : null;
}

export const endSession = () => sessionStorage.removeItem('session');

async function discover(issuer) {
    const it = await fetchJSON(`${issuer.replace(/\/?$/, '/')}.well-known/openid-configuration`);
    if (it?.issuer !== issuer) throw refused('The sign-in service gave another name than expected.');
    return it;
}

/** Leaves for the issuer's page; `hash` is where to come back to. */
export async function signIn(config, hash) {
    if (!globalThis.crypto?.subtle) throw new Problem(400, { detail: 'Signing in needs a secure connection (https).' });
    const endpoints = await discover(config.issuer);
    const login = { state: random(), nonce: random(), verifier: random(), hash };
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(login.verifier));
    const url = webURL(endpoints.authorization_endpoint);
    const query = {
        response_type: 'code', client_id: config.client_id, redirect_uri: `${location.origin}/`,
        scope: 'openid profile email', audience: config.audience, state: login.state, nonce: login.nonce,
        code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    sessionStorage.setItem('login', JSON.stringify(login));
    location.assign(url);
}

/** Takes the issuer's answer out of the address at once, so that neither history nor a reload has it; null if none. */
export function takeAnswer() {
    const answer = new URLSearchParams(location.search);
    if (!['code', 'state', 'error'].some((name) => answer.has(name))) return null;
    const login = read('login');
    sessionStorage.removeItem('login');
    const hash = String(login?.hash ?? '').startsWith('#/') ? login.hash : '#/jobs';
    history.replaceState(null, '', `/${hash}`);
    return { answer, login };
}

/** Checks the answer, and exchanges its code for the session. */
export async function finishSignIn(config, { answer, login }) {
    // An answer that this tab did not ask for may be somebody else's: nothing of it is used, not even its error text.
    if (!login?.state || answer.get('state') !== login.state) {
        throw refused('This answer does not belong to a sign-in of this tab.');
    }
    if (answer.has('error')) throw refused(answer.get('error_description') || 'The sign-in service refused.');
    if (answer.has('iss') && answer.get('iss') !== config.issuer) throw refused('Another service answered.');
    const endpoints = await discover(config.issuer);
    const tokens = await fetchJSON(webURL(endpoints.token_endpoint), {
        method: 'POST',
        body: new URLSearchParams({
            grant_type: 'authorization_code', client_id: config.client_id, code: answer.get('code') ?? '',
            code_verifier: login.verifier, redirect_uri: `${location.origin}/`,
        }),
    }).catch((fault) => { throw fault.passes ? fault : refused('The sign-in service did not accept the answer.'); });
    // It comes straight from the issuer over TLS: its claims are compared, its signature need not be (Core §3.1.3.7).
    const claims = payload(tokens?.id_token);
    const meant = [claims.aud].flat().includes(config.client_id) && claims.iss === config.issuer;
    if (!meant || claims.nonce !== login.nonce || !(claims.exp * 1000 > Date.now() - 60_000) || !tokens.access_token) {
        throw refused('The sign-in service gave an identity that was not asked for.');
    }
    const session = {
        token: tokens.access_token, until: Date.now() + 1000 * (tokens.expires_in ?? 3600),
        user: claims.sub, name: claims.email || claims.name || '',
    };
    sessionStorage.setItem('session', JSON.stringify(session));
}

function payload(token) {
    try {
        const text = atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'));
        return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    } catch {
        throw refused('The sign-in service gave no identity that can be read.');
    }
}

/** Forgets everything of this tab, and ends the issuer's session too, or signing in again would not ask who it is. */
export async function signOut(config) {
    sessionStorage.clear();
    const url = webURL((await discover(config.issuer)).end_session_endpoint);
    url.searchParams.set('client_id', config.client_id);
    url.searchParams.set('post_logout_redirect_uri', `${location.origin}/`);
    location.assign(url);
}
