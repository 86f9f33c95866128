// A new upload: choosing, then following it. The upload itself goes on while other screens are shown.
import { call, config, deleteJob, getJob } from './api.js';
import { go, onClick, poll, report } from './flow.js';
import { session } from './session.js';
import { current, recordOf, Upload } from './upload.js';
import {
    $, arrive, bytes, clearErrors, confirm, credits, duration, el, kind, openScreen, say, sayThere, setText, showError,
    showOnly, whisper,
} from './view.js';

/** `part` names a job that waits for its file; without it a job is created. */
export async function newScreen(signal, part) {
    openScreen('new');
    arrive('New upload');
    if (current.upload?.isOpen) return follow(signal);
    const id = part && decodeURIComponent(part);
    await poll(signal, async () => {
        const [{ costs }, given] = await Promise.all([config(), id && getJob(id)]);
        if (signal.aborted) return;
        if (given?.job.has_input) return go(`#/jobs/${part}`);
        choose(signal, costs, given?.job);
    });
}

function choose(signal, costs, job) {
    const types = job ? [job.type] : Object.keys(costs);
    $('type').replaceChildren(...types.map((type) => {
        const cost = job || costs[type] === undefined ? '' : ` (${credits(costs[type])})`;
        return el('option', { value: type }, kind(type) + cost);
    }));

    const { user } = session() ?? {};
    const begun = recordOf({ job: job?.id, user });
    const wanted = begun?.name ?? job?.filename;
    const advice = wanted ? `${wanted} has not arrived completely. Choose it again to go on.` : '';
    const found = () => {
        const file = $('file').files[0];
        return file ? recordOf({ job: job?.id, file, user }) : null;
    };
    const record = () => (found()?.type === $('type').value ? found() : null);
    const hint = () => {
        const file = $('file').files[0];
        const goesOn = record()?.location;
        const about = file ? bytes(file.size) : advice;
        setText($('file-hint'), goesOn ? 'Part of this file has been sent. It goes on from there.' : about);
        setText($('start'), goesOn ? 'Go on with the upload' : 'Start the upload');
    };
    hint();
    let key = crypto.randomUUID();
    $('type').addEventListener('change', () => {
        key = crypto.randomUUID();
        hint();
    });
    $('file').addEventListener('change', () => {
        key = crypto.randomUUID();
        if (found()) $('type').value = found().type;
        hint();
    });

    let busy = false;
    $('form').addEventListener('submit', async (event) => {
        event.preventDefault();
        if (busy) return;
        busy = true;
        clearErrors();
        try {
            const file = $('file').files[0];
            if (!file.size) return showError('The file is empty. Choose another one.');
            const started = record() ?? await begin(file, $('type').value, job, key);
            if (!started.token) return go(`#/jobs/${encodeURIComponent(started.job)}`);
            const upload = new Upload(file, started);
            current.upload = upload;
            upload.addEventListener('change', () => tell(upload));
            upload.resume();
            if (!signal.aborted) follow(signal);
        } catch (fault) {
            report(fault);
        } finally {
            busy = false;
        }
    });
}

/** Creates the job, or asks for a new token of the one that waits. */
async function begin(file, type, waiting, key) {
    const { job, upload } = waiting
        ? await getJob(waiting.id, true) : await call('POST', '/jobs', { type, filename: file.name }, key);
    // There is nowhere to send it to if it has come meanwhile.
    return { job: job.id, type, user: session()?.user, token: upload?.token, tus_url: upload?.tus_url };
}

/** Tells how it ended when another screen is shown. */
function tell(upload) {
    if (upload.state !== 'done' && upload.state !== 'failed') return;
    const { name } = upload.file;
    if (!$('upload')) say(upload.state === 'done' ? `${name} has arrived.` : `The upload of ${name} failed.`);
    window.dispatchEvent(new Event('look-again'));
}

function follow(signal) {
    const { upload } = current;
    const total = upload.file.size;
    const buttons = [$('pause'), $('resume'), $('cancel')];
    const [pause, resume, cancel] = buttons;
    let milestone = Math.floor(4 * upload.sent / total);

    const draw = () => {
        const { sent, state } = upload;
        const wait = Math.max(1, Math.ceil((upload.retryAt - Date.now()) / 1000));
        const texts = {
            sending: sent < total ? 'Sending' : 'All is sent. The server checks and stores the file …',
            waiting: `${upload.fault?.message} Trying again in ${wait} s.`,
            paused: 'Paused',
            failed: 'The upload failed',
        };
        setText($('upload-state'), texts[state] ?? '');
        $('progress').value = 100 * sent / total;
        const pace = state === 'sending' && sent < total ? upload.pace() : null;
        const rate = pace ? ` · ${bytes(pace.rate)}/s · about ${duration(pace.left)} left` : '';
        setText($('upload-rate'), `${Math.floor(100 * sent / total)} % · ${bytes(sent)} of ${bytes(total)}${rate}`);
        const reached = Math.floor(4 * sent / total);
        if (reached > milestone && reached < 4) whisper(`${25 * reached} % sent.`);
        milestone = Math.max(milestone, reached);
    };
    const change = () => {
        if (upload.state === 'done') {
            sayThere('The file has arrived.');
            return location.replace(`#/jobs/${encodeURIComponent(upload.job)}`);
        }
        if (!upload.isOpen) return;
        draw();
        const shown = { sending: [pause, cancel], waiting: [pause, resume, cancel] };
        showOnly(buttons, shown[upload.state] ?? [resume, cancel]);
        setText(resume, { waiting: 'Try now', failed: 'Try again' }[upload.state] ?? 'Resume');
        clearErrors();
        if (upload.state === 'failed') showError(upload.fault.message);
        else whisper($('upload-state').textContent);
    };

    setText($('upload-name'), upload.file.name);
    $('form').hidden = true;
    $('upload').hidden = false;
    onClick(pause, () => upload.pause());
    onClick(resume, () => { upload.resume(); });
    onClick(cancel, () => abandon(upload));
    upload.addEventListener('change', change, { signal });
    const ticking = setInterval(draw, 500);
    signal.addEventListener('abort', () => clearInterval(ticking));
    change();
    if (document.activeElement === document.body) (upload.isRunning ? pause : resume).focus();
}

async function abandon(upload) {
    const text = `What has been sent of “${upload.file.name}” is thrown away, and its job is deleted.`;
    const action = 'Cancel the upload';
    if (!await confirm({ title: `${action}?`, text, action, id: 'confirm-cancel' })) return;
    upload.terminate();
    try {
        await deleteJob(upload.job);
    } catch (fault) {
        if (fault.status !== 404) {
            upload.become('paused');
            throw fault;
        }
    }
    upload.become('cancelled');
    sayThere('The upload was cancelled.');
    go('#/new');
}
