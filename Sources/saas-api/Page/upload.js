// One upload by tus 1.0.0, straight to Custode. What is needed to go on is kept in sessionStorage by job.
import { getJob } from './api.js';
import { backoff, Problem } from './problem.js';

const key = (job) => `upload:${job}`;
const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const ended = [403, 404, 410, 413, 415]; // Custode's answers after which the upload cannot be gone on with.
const stalled = 60_000; // Without a byte going out, a connection is taken for dead.
const publishing = 600_000; // After the last byte the server verifies and stores the whole.

/** The tab's one upload: it goes on while other screens are shown. */
export const current = { upload: null };

/** The record of an upload that was begun: of this job, or of this very file. */
export function recordOf({ job, file, user }) {
    for (const name of Object.keys(sessionStorage).filter((name) => name.startsWith('upload:'))) {
        let it;
        try { it = JSON.parse(sessionStorage.getItem(name)); } catch { continue; }
        const same = !file || (it.name === file.name && it.size === file.size && it.modified === file.lastModified);
        if (it.user === user && same && (!job || it.job === job)) return it;
    }
    return null;
}

export const forget = (job) => sessionStorage.removeItem(key(job));

/** States: sending, waiting (for the next try), paused, failed, done, cancelled. Each change is an event `change`. */
export class Upload extends EventTarget {
    /** `record`: {job, type, user, token, tus_url, location?}. */
    constructor(file, record) {
        super();
        Object.assign(this, { file, state: 'paused', offset: 0, sent: 0, fault: null, faults: 0, retryAt: 0, run: 0 });
        this.samples = [];
        this.record = { ...record, name: file.name, size: file.size, modified: file.lastModified };
        this.keep();
    }

    get job() { return this.record.job; }
    get isOpen() { return ['sending', 'waiting', 'paused', 'failed'].includes(this.state); }
    get isRunning() { return this.state === 'sending' || this.state === 'waiting'; }

    keep() { sessionStorage.setItem(key(this.job), JSON.stringify(this.record)); }

    become(state, fault = null) {
        Object.assign(this, { state, fault });
        if (state === 'done' || state === 'cancelled') forget(this.job);
        this.dispatchEvent(new Event('change'));
    }

    /** Breaks off what runs; whatever its end says is not listened to any more. */
    halt() {
        this.run += 1;
        this.xhr?.abort();
        clearTimeout(this.timer);
    }

    pause() { this.halt(); this.become('paused'); }

    /** Begins, goes on, or does not wait for the next try any longer. */
    async resume() {
        if (this.state === 'failed') Object.assign(this, { faults: 0, stale: true }); // The token may be over by now.
        this.halt();
        const run = this.run;
        this.samples = [];
        this.become('sending');
        try {
            await this.attempt(run);
            if (run === this.run) this.become('done');
        } catch (fault) {
            if (run === this.run) await this.judge(fault, run);
        }
    }

    async attempt(run) {
        const { file, record } = this;
        // A file that was changed or moved would look like a network fault, for ever: reading a byte tells.
        await file.slice(this.offset, this.offset + 1).arrayBuffer().catch(() => {
            throw new Problem(400, { detail: 'The file was changed or moved. Choose it again.' });
        });
        if (run !== this.run) return;
        if (record.location) {
            this.move(this.offsetIn(await this.request('HEAD', record.location)));
        } else {
            if (this.stale) record.token = (await getJob(this.job, true)).upload?.token ?? record.token;
            this.stale = false;
            const type = file.type ? `,filetype ${base64(file.type)}` : '';
            const fields = { 'Upload-Length': file.size, 'Upload-Metadata': `filename ${base64(file.name)}${type}` };
            const place = (await this.request('POST', record.tus_url, fields)).getResponseHeader('Location');
            const url = URL.canParse(place, record.tus_url) ? new URL(place, record.tus_url) : null;
            // The token goes there: it must be where the token is from.
            if (url?.origin !== new URL(record.tus_url).origin) throw new Problem(502);
            record.location = url.href;
            this.keep();
            this.move(0);
        }
        while (run === this.run && this.offset < file.size) {
            const from = this.offset;
            const fields = { 'Upload-Offset': from, 'Content-Type': 'application/offset+octet-stream' };
            this.move(this.offsetIn(await this.request('PATCH', record.location, fields, file.slice(from))));
            if (this.offset <= from) throw new Problem(502);
        }
    }

    offsetIn(xhr) {
        const text = xhr.getResponseHeader('Upload-Offset');
        if (!/^\d+$/.test(text) || Number(text) > this.file.size) throw new Problem(502);
        return Number(text);
    }

    move(offset) {
        if (offset > this.offset) this.faults = 0;
        this.offset = this.sent = offset;
    }

    async judge(fault, run) {
        const moved = fault.status === 409 && this.record.location !== undefined;
        if (!moved && [403, 404, 409, 410].includes(fault.status)) {
            // The last reply may have been lost, or another tab was faster: the job knows whether the file is there.
            const it = await getJob(this.job).catch(() => null);
            if (run !== this.run) return;
            if (it?.job.has_input) return this.become('done');
        }
        if (!moved && !fault.passes) {
            if (ended.includes(fault.status)) this.record.location = undefined;
            this.keep();
            return this.become('failed', fault);
        }
        // Another offset than the server's is mended by asking for it: at once, but for a quarrel that does not end.
        const wait = moved && !this.faults ? 0 : backoff(this.faults, fault);
        this.faults += 1;
        this.retryAt = Date.now() + wait;
        this.timer = setTimeout(() => this.resume(), wait);
        if (wait) this.become('waiting', fault);
    }

    /** Ends it, at Custode too; the job is deleted by whoever calls, so nothing waits for the answer. */
    terminate() {
        this.halt();
        if (this.record.location) this.request('DELETE', this.record.location).catch(() => {});
        this.record.location = undefined;
    }

    /** {rate in bytes a second, left in seconds} of the last ten seconds; null while there is too little to tell. */
    pace() {
        const now = performance.now();
        this.samples = this.samples.filter((sample) => now - sample.at < 10_000);
        const first = this.samples[0];
        const rate = first && now - first.at > 900 ? (this.sent - first.sent) / ((now - first.at) / 1000) : 0;
        return rate > 0 ? { rate, left: (this.file.size - this.sent) / rate } : null;
    }

    request(method, url, fields = {}, body = null) {
        const xhr = this.xhr = new XMLHttpRequest();
        const from = this.offset;
        let watch;
        const expect = (ms) => { clearTimeout(watch); watch = setTimeout(() => xhr.abort(), ms); };
        xhr.open(method, url);
        const common = { 'Tus-Resumable': '1.0.0', Authorization: `Bearer ${this.record.token}` };
        for (const [name, value] of Object.entries({ ...common, ...fields })) xhr.setRequestHeader(name, value);
        if (body) {
            xhr.upload.onprogress = ({ loaded }) => {
                expect(loaded < body.size ? stalled : publishing);
                this.sent = from + loaded;
                this.samples.push({ at: performance.now(), sent: this.sent });
            };
        }
        expect(stalled);
        return new Promise((done, fail) => {
            xhr.onloadend = () => {
                clearTimeout(watch);
                if (xhr.status >= 200 && xhr.status < 300) return done(xhr);
                fail(Problem.from(xhr.status, xhr.responseText, xhr.getResponseHeader('Retry-After')));
            };
            xhr.send(body);
        });
    }
}
