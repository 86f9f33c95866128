// What went wrong with a request, in words that may be shown.

const sentences = {
    0: 'The server cannot be reached. Check the connection.',
    401: 'Your session is over. Sign in again.',
    402: 'There are not enough credits.',
    404: 'This does not exist, or not any more.',
    410: 'The server does not have this any more.',
    413: 'The file is too large.',
    415: 'Files of this kind are not accepted.',
    423: 'The server is not done with what was sent before.',
    429: 'Too many requests at once.',
    503: 'The service is busy or away for a moment.',
};

export class Problem extends Error {
    constructor(status, { detail, type = '', retryAfter = 0 } = {}) {
        const known = sentences[status] ?? (status >= 500 ? 'The service had a fault.' : 'The service refused this.');
        super(detail || known);
        Object.assign(this, { status, type, retryAfter });
    }

    static from(status, text, retryAfter) {
        let body = {};
        try { body = JSON.parse(text) ?? {}; } catch { /* A proxy's page, or nothing: the status must do. */ }
        const detail = typeof body.detail === 'string' ? body.detail : undefined;
        return new Problem(status, { detail, type: String(body.type ?? ''), retryAfter: seconds(retryAfter) });
    }

    /** Whether the same request may well succeed later. */
    get passes() { return this.status === 0 || this.status === 423 || this.status === 429 || this.status >= 500; }
}

/** Retry-After is a number of seconds or a date (RFC 9110 §10.2.3). */
function seconds(retryAfter) {
    if (!retryAfter) return 0;
    const number = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now()) / 1000;
    return Math.max(0, number || 0);
}

/** How many milliseconds to wait after the nth fault in a row: 1, 2, 4 … 30 s, or as long as the server asks. */
export const backoff = (n, fault) => 1000 * Math.max(Math.min(30, 2 ** n), fault?.retryAfter ?? 0);

export async function fetchJSON(url, options) {
    let reply, text;
    try {
        reply = await fetch(url, { cache: 'no-store', credentials: 'omit', ...options });
        text = await reply.text();
    } catch {
        throw new Problem(0);
    }
    if (!reply.ok) throw Problem.from(reply.status, text, reply.headers.get('Retry-After'));
    try { return text ? JSON.parse(text) : null; } catch { throw new Problem(502); }
}

/** The URL, if it is one that a browser may be sent to: never javascript: or data:. */
export function webURL(text) {
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url?.protocol !== 'https:' && url?.protocol !== 'http:') throw new Problem(502);
    return url;
}
