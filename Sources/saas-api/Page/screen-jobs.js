// The list of jobs, and the credits.
import { call, config } from './api.js';
import { buyButtons, onClick, poll } from './flow.js';
import {
    $, arrive, credits, day, el, isActive, isWaiting, kind, openScreen, say, setText, stateOf, time, whisper,
} from './view.js';

const pageSize = 20;

export async function jobsScreen(signal, _, query) {
    openScreen('jobs');
    arrive('Jobs');
    let jobs = [], next = null, pages = 1, bought = 0, last = Promise.resolve();
    if (query.has('paid')) {
        history.replaceState(null, '', '#/jobs');
        const paid = query.get('paid') === '1';
        say(paid ? 'Thank you. The credits you bought are added in a moment.' : 'The payment was cancelled.');
        if (paid) bought = Date.now() + 60_000;
    }

    const fetchPage = (cursor) =>
        call('GET', `/jobs?limit=${pageSize}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);

    /** Looking again and showing more wait for each other, or one would undo what the other fetched. */
    const inTurn = (work) => {
        const result = last.then(work);
        last = result.catch(() => {});
        return result;
    };

    /** Fetches as many pages as are shown: what was added or deleted meanwhile moves all that follows. */
    const refresh = async () => {
        const account = call('GET', '/account');
        account.catch(() => {}); // It is awaited below; the pages may fail before.
        let fetched = [], cursor = null;
        for (let page = 0; page < pages && (page === 0 || cursor); page += 1) {
            const reply = await fetchPage(cursor);
            fetched = [...fetched, ...reply.jobs];
            cursor = reply.next;
        }
        if (signal.aborted) return;
        announce(jobs, fetched);
        [jobs, next] = [fetched, cursor];
        draw(jobs, next);
        drawCredits(await account);
    };

    onClick($('more'), () => inTurn(async () => {
        const reply = await fetchPage(next);
        if (signal.aborted) return;
        const first = jobs.length;
        jobs = [...jobs, ...reply.jobs.filter((job) => !jobs.some(({ id }) => id === job.id))];
        next = reply.next;
        pages += 1;
        draw(jobs, next);
        $('jobs').children[first]?.querySelector('a').focus();
    }));

    const { packs } = await config();
    if (signal.aborted) return;
    $('packs').replaceChildren(...buyButtons(packs));
    await poll(signal, async () => {
        await inTurn(refresh);
        if (jobs.some((job) => isActive(job) && !isWaiting(job)) || Date.now() < bought) return 4000 * pages;
        return jobs.some(isWaiting) ? 30_000 : 0;
    });
}

function drawCredits(account) {
    if (!$('credits')) return;
    setText($('credits'), account.credits > 0 ? `${credits(account.credits)} left` : 'No credits left');
    const renewed = account.renews_at ? `, renewed on ${day(account.renews_at)}` : '';
    setText($('allowance'), account.allowance > 0 ? `${account.allowance} included${renewed}` : '');
}

/** Keeps the rows that are there, so that the focus and the reading position stay. */
function draw(jobs, next) {
    const list = $('jobs');
    const rows = new Map([...list.children].map((row) => [row.firstElementChild.dataset.job, row]));
    jobs.forEach((job, i) => {
        const row = rows.get(job.id) ?? newRow(job);
        rows.delete(job.id);
        const badge = row.querySelector('.badge');
        badge.dataset.state = job.status;
        setText(badge, stateOf(job));
        if (list.children[i] !== row) list.insertBefore(row, list.children[i] ?? null);
    });
    for (const row of rows.values()) row.remove();
    $('empty').hidden = jobs.length > 0;
    $('more').hidden = !next;
}

function newRow(job) {
    const about = el('span', { className: 'hint' }, `${kind(job.type)} · `, time(job.created_at));
    const name = el('span', { className: 'name' }, el('strong', {}, job.filename), about);
    const link = el('a', { href: `#/jobs/${encodeURIComponent(job.id)}`, data: { job: job.id } },
        name, el('span', { className: 'badge' }));
    return el('li', {}, link);
}

function announce(before, now) {
    const was = new Map(before.map((job) => [job.id, stateOf(job)]));
    const moved = now.filter((job) => was.has(job.id) && was.get(job.id) !== stateOf(job));
    if (moved.length) whisper(moved.map((job) => `${job.filename}: ${stateOf(job)}.`).join(' '));
}
