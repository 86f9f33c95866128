// Small helpers for what is on the screen. Text of the API only ever becomes text nodes.

export const $ = (id) => document.getElementById(id);

export function el(tag, properties = {}, ...children) {
    const { data, ...rest } = properties;
    const node = Object.assign(document.createElement(tag), rest);
    Object.assign(node.dataset, data);
    node.append(...children);
    return node;
}

export function openScreen(name) {
    $('screen').replaceChildren($(`screen-${name}`).content.cloneNode(true));
}

/** Names the page and moves the focus to its heading, as a new page would. */
export function arrive(title) {
    document.title = `${title} – Custode`;
    document.querySelector('#screen h1').focus();
}

let kept = '';

/** Says something politely; `whisper` is for screen readers alone, where the screen shows it anyway. */
export const say = (text) => { $('status').textContent = text; };
export const whisper = (text) => { $('whisper').textContent = text; };

/** Says it on the screen that comes next. */
export const sayThere = (text) => { kept = text; };

export function clearMessages() {
    say(kept);
    kept = '';
    clearErrors();
}

export const clearErrors = () => $('error').replaceChildren();

export function showError(text, ...more) {
    $('error').replaceChildren(el('p', {}, text), ...more);
    $('error').scrollIntoView({ block: 'nearest' });
}

/** Asks in the dialog; resolves to whether it was confirmed. */
export function confirm({ title, text, action, id }) {
    const dialog = $('dialog');
    const [no, yes] = dialog.querySelectorAll('button');
    $('dialog-title').textContent = title;
    $('dialog-text').textContent = text;
    Object.assign(yes, { id, textContent: action, onclick: () => dialog.close('yes') });
    no.onclick = () => dialog.close('');
    dialog.returnValue = '';
    dialog.showModal();
    return new Promise((done) => {
        dialog.addEventListener('close', () => done(dialog.returnValue === 'yes'), { once: true });
    });
}

/** Sets the text only if it is another: live regions and selections are left alone. */
export function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
}

/** Hides or shows buttons; a focus that would vanish goes to the one that took the place. */
export function showOnly(buttons, shown) {
    const lost = buttons.includes(document.activeElement) && !shown.includes(document.activeElement);
    for (const button of buttons) button.hidden = !shown.includes(button);
    if (lost) shown[0]?.focus();
}

const kinds = { transcription: 'Transcription', translation: 'Translation', stream: 'Stream' };
export const kind = (type) => kinds[type] ?? type;

const states = { queued: 'Queued', processing: 'In progress', done: 'Done', failed: 'Failed' };
export const stateOf = (job) => (isWaiting(job) ? 'Waiting for the file' : states[job.status] ?? job.status);
export const isActive = (job) => job.status === 'queued' || job.status === 'processing';
export const isWaiting = (job) => job.status === 'queued' && !job.has_input;

export const credits = (n) => `${n} ${n === 1 ? 'credit' : 'credits'}`;

const times = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const days = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
export const time = (text) => el('time', { dateTime: text }, times.format(new Date(text)));
export const day = (text) => days.format(new Date(text));

export function bytes(n) {
    const units = ['B', 'kB', 'MB', 'GB'];
    let i = 0;
    while (n >= 999.5 && i < units.length - 1) { n /= 1000; i += 1; }
    return `${n < 9.95 && i ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export function duration(seconds) {
    if (seconds < 60) return `${Math.ceil(seconds)} s`;
    if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
    return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
}
