// One job: how it stands, and its files.
import { deleteJob, getJob } from './api.js';
import { go, onClick, poll } from './flow.js';
import { Problem, webURL } from './problem.js';
import { current, forget } from './upload.js';
import {
    $, arrive, bytes, confirm, credits, el, isActive, isWaiting, kind, openScreen, sayThere, setText, stateOf, time,
    whisper,
} from './view.js';

const names = {
    input: 'The file you sent', transcript: 'Transcript', translation: 'Translation', srt: 'Subtitles',
    json: 'Timed text (JSON)',
};

export async function jobScreen(signal, part) {
    openScreen('job');
    const id = decodeURIComponent(part);
    let before;
    onClick($('delete'), () => remove(id, before));
    try {
        await poll(signal, async () => {
            const { job, objects } = await getJob(id);
            if (signal.aborted) return 0;
            const state = stateOf(job);
            draw(job, objects);
            if (!before) arrive(job.filename);
            else if (stateOf(before) !== state) whisper(`${state}.`);
            before = job;
            if (isWaiting(job)) return isUploading(id) ? 5000 : 30_000;
            return isActive(job) ? 4000 : 0;
        });
    } catch (fault) {
        if (signal.aborted || fault.status !== 404) throw fault;
        openScreen('job');
        $('name').textContent = fault.message;
        arrive('No such job');
        forget(id);
    }
}

const isUploading = (id) => Boolean(current.upload?.isOpen) && current.upload.job === id;

function draw(job, objects) {
    setText($('name'), job.filename);
    setText($('badge'), stateOf(job));
    $('badge').dataset.state = job.status;
    setText($('reason'), job.reason ?? '');
    $('reason').hidden = !job.reason;
    $('waiting').hidden = !isWaiting(job);
    $('send').href = isUploading(job.id) ? '#/new' : `#/new/${encodeURIComponent(job.id)}`;
    setText($('send'), isUploading(job.id) ? 'Show the upload' : 'Send the file');
    const facts = [['Kind', kind(job.type)], ['Cost', credits(job.credits)], ['Created', time(job.created_at)]];
    if (job.completed_at) facts.push(['Completed', time(job.completed_at)]);
    $('facts').replaceChildren(...facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
    $('job').hidden = $('delete').hidden = false;
    drawFiles(job, objects);
}

function drawFiles(job, objects) {
    const shown = objects.map(({ object }) => object).join();
    if ($('files').dataset.shown === shown) return; // A button that has the focus stays.
    $('files').dataset.shown = shown;
    $('files-card').hidden = !objects.length;
    $('files').replaceChildren(...objects.map((object) => {
        const about = el('span', { className: 'hint' }, `${object.filename ?? object.object} · ${bytes(object.size)}`);
        const name = names[object.object] ?? object.object;
        const button = el('button', { type: 'button', data: { download: object.object } }, 'Download');
        button.ariaLabel = `Download: ${name}`;
        onClick(button, () => download(job.id, object.object));
        return el('li', {}, el('span', { className: 'name' }, el('strong', {}, name), about), button);
    }));
}

/** Links live two minutes, so each is minted at its click. */
async function download(id, object) {
    const { objects } = await getJob(id, true);
    const link = objects.find((it) => it.object === object)?.link;
    if (!link) throw new Problem(404);
    // Another tab, so that an answer that is no download does not take this page's place, and an upload's with it.
    const anchor = el('a', { href: webURL(link.url).href, rel: 'noreferrer noopener', target: '_blank' });
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
    whisper('The download begins.');
}

async function remove(id, job) {
    const text = `“${job.filename}” and all files of this job are deleted. This cannot be undone.`;
    if (!await confirm({ title: 'Delete the job?', text, action: 'Delete', id: 'confirm-delete' })) return;
    if (current.upload?.job === id) {
        current.upload.halt();
        current.upload.become('cancelled');
    }
    await deleteJob(id).catch((fault) => { if (fault.status !== 404) throw fault; });
    forget(id);
    sayThere('The job was deleted.');
    go('#/jobs');
}
