/* FM and AFM in C11, from SPEC.md: forward, backward and optimizers for every case of the kit.
 *
 *     cc -std=c11 -O1 -ffp-contract=off -o port port.c -lm
 *     ./port CASES_DIR/[0-9]*.vec > results.txt         no library but the standard one
 *
 * Sizes are small and fixed: a kit case has at most 8 rows, 32 features, 128 pairs, k and t at most 10.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 8, FEATS = 32, PAIRS = 128, K = 10, IDS = 16, RECORDS = 256, NUMBERS = 512, WORD = 48 };

/* ---- the .vec file: records of words ------------------------------------------------------------------ */

typedef struct { char name[WORD]; int ndim, dim[3], size; double data[NUMBERS]; } Tensor;
static Tensor inputs[RECORDS];          /* param and input records */
static char expected[RECORDS][WORD];    /* names the kit asks for */
static char keys[RECORDS][WORD], values[RECORDS][WORD]; /* set records */
static char text[ROWS][256];
static int n_inputs, n_expected, n_keys, n_text;

static void fail(const char *what) { fprintf(stderr, "port: %s\n", what); exit(2); }

static void read_tensor(FILE *f, Tensor *t) {
    if (fscanf(f, "%47s %d", t->name, &t->ndim) != 2 || t->ndim > 3) fail("bad tensor");
    t->size = 1;
    for (int i = 0; i < t->ndim; i++) { if (fscanf(f, "%d", &t->dim[i]) != 1) fail("bad shape"); t->size *= t->dim[i]; }
    if (t->size > NUMBERS) fail("tensor too large");
}

static void read_numbers(FILE *f, Tensor *t) {
    for (int i = 0; i < t->size; i++) if (fscanf(f, "%lf", &t->data[i]) != 1) fail("bad number");
}

static void read_case(FILE *f, char *id) {
    char word[WORD];
    n_inputs = n_expected = n_keys = n_text = 0;
    while (fscanf(f, "%47s", word) == 1 && strcmp(word, "end")) {
        if (!strcmp(word, "vec")) { if (fscanf(f, "%47s", word) != 1) fail("bad version"); }
        else if (!strcmp(word, "title")) { if (!fgets(text[0], sizeof text[0], f)) fail("bad title"); }
        else if (!strcmp(word, "requires")) {
            int count;
            if (fscanf(f, "%d", &count) != 1) fail("bad requires");
            while (count--) if (fscanf(f, "%47s", word) != 1) fail("bad requires");
        }
        else if (!strcmp(word, "case")) { if (fscanf(f, "%47s", id) != 1) fail("bad case"); }
        else if (!strcmp(word, "set")) { if (fscanf(f, "%47s %47s", keys[n_keys], values[n_keys]) != 2) fail("bad set"); n_keys++; }
        else if (!strcmp(word, "text")) {
            if (fscanf(f, "%d ", &n_text) != 1 || n_text > ROWS) fail("bad text");
            for (int r = 0; r < n_text; r++) if (!fgets(text[r], sizeof text[r], f)) fail("bad text line");
        } else if (!strcmp(word, "expect")) {
            Tensor t; double tol[2];
            read_tensor(f, &t);
            if (fscanf(f, "%lf %lf", &tol[0], &tol[1]) != 2) fail("bad tolerance");
            read_numbers(f, &t);
            strcpy(expected[n_expected++], t.name);
        } else { read_tensor(f, &inputs[n_inputs]); read_numbers(f, &inputs[n_inputs]); n_inputs++; }
    }
}

static const char *setting(const char *key) {
    for (int i = 0; i < n_keys; i++) if (!strcmp(keys[i], key)) return values[i];
    return NULL;
}
static double number(const char *key) { const char *v = setting(key); return v ? atof(v) : 0; }
static bool is(const char *key, const char *value) { const char *v = setting(key); return v && !strcmp(v, value); }

static char prefix[8];
static Tensor *input(const char *name) {   /* of this step, or of the whole case */
    char full[2 * WORD];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    for (int i = 0; i < n_inputs; i++)
        if (!strcmp(inputs[i].name, full) || !strcmp(inputs[i].name, name)) return &inputs[i];
    return NULL;
}

static void out(const char *name, int rows, int cols, int stride, const double *data) {
    /* cols 0: a vector; rows 0 with cols 0 is written as an empty vector; rows -1: a scalar */
    char full[2 * WORD];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    bool wanted = false;
    for (int i = 0; i < n_expected; i++) wanted |= !strcmp(expected[i], full);
    if (!wanted) return;
    if (rows < 0) printf("tensor %s 0", full);
    else if (cols == 0) printf("tensor %s 1 %d", full, rows);
    else printf("tensor %s 2 %d %d", full, rows, cols);
    for (int i = 0; i < (rows < 0 ? 1 : rows); i++)
        for (int j = 0; j < (cols ? cols : 1); j++) printf(" %.17g", data[i * stride + j]);
    printf("\n");
}
static void scalar(const char *name, double value) { out(name, -1, 0, 1, &value); }
static void vector(const char *name, int n, const double *v) { out(name, n, 0, 1, v); }
#define MATRIX(name, n, cols, v) out(name, n, cols, K, &(v)[0][0])

/* ---- one batch: sparse rows and pairs -------------------------------------------------------------------- */

static int B, N, P, n, k, t;                      /* rows, active features, pairs; sizes */
static bool fm, network;
static int ptr[ROWS + 1], id[FEATS], slot[FEATS], row_of[FEATS];
static double x[FEATS], y[ROWS];
static int pair_row[PAIRS], pi[PAIRS], pj[PAIRS], table_at[PAIRS];   /* table_at: field or free weight, -1 none */

static void add_row(int count, const int *ids, const double *xs) {
    int start = N;
    for (int e = 0; e < count; e++) {
        int a = start;
        while (a < N && id[a] != ids[e]) a++;
        if (a == N) { id[N] = ids[e]; slot[N] = e; x[N] = 0; N++; }
        x[a] += xs[e];
    }
    int kept = start;                               /* zeros go after summing */
    for (int a = start; a < N; a++)
        if (x[a] != 0) { id[kept] = id[a]; slot[kept] = slot[a]; x[kept] = x[a]; row_of[kept] = B; kept++; }
    N = kept;
    ptr[++B] = N;
}

static void read_batch(void) {
    B = N = P = 0;
    int ids[FEATS]; double xs[FEATS];
    if (n_text) {
        for (int r = 0; r < n_text; r++) {
            int count = 0, used = 0; char *at = text[r];
            y[r] = strtod(at, &at);
            while (sscanf(at, " %d:%lf%n", &ids[count], &xs[count], &used) == 2) { at += used; count++; }
            add_row(count, ids, xs);
        }
    } else {
        Tensor *p = input("row_ptr"), *i = input("ids"), *v = input("x");
        for (int r = 0; r + 1 < p->size; r++) {
            int start = (int)p->data[r], count = (int)p->data[r + 1] - start;
            for (int e = 0; e < count; e++) { ids[e] = (int)i->data[start + e]; xs[e] = v->data[start + e]; }
            y[r] = input("y")->data[r];
            add_row(count, ids, xs);
        }
    }
    for (int r = 0; r < B; r++)
        for (int a = ptr[r]; a < ptr[r + 1]; a++)
            for (int b = a + 1; b < ptr[r + 1]; b++) { pair_row[P] = r; pi[P] = a; pj[P] = b; P++; }
}

static double keep(const char *site, int i, int f) {  /* dropout multiplier: 0 or 1/keep, 1 without a mask */
    char name[WORD];
    snprintf(name, sizeof name, "mask_%s", site);
    Tensor *m = input(name);
    if (!m || is("train", "false")) return 1;
    snprintf(name, sizeof name, "keep_%s", site);
    return m->data[m->ndim == 2 ? i * m->dim[1] + f : i] / number(name);
}

/* ---- parameters: every one is a table of rows x cols -------------------------------------------------------- */

enum { W0, w_, V_, p_, W_, b_, h_, FIELD, FREE, COUNT };
static const char *names[COUNT] = {"w0", "w", "V", "p", "W", "b", "h", "field", "free"};
static struct Param {
    bool used, moves[IDS];
    int rows, cols, ndim;
    double v[IDS][K], g[IDS][K], s1[IDS][K], s2[IDS][K];  /* value, gradient, state */
} par[COUNT];

static void read_params(void) {
    memset(par, 0, sizeof par);
    for (int q = 0; q < COUNT; q++) {
        Tensor *in = input(names[q]);
        if (!in) continue;
        struct Param *p = &par[q];
        p->used = true; p->ndim = in->ndim;
        p->rows = in->ndim ? in->dim[0] : 1;
        p->cols = in->ndim == 2 ? in->dim[1] : 1;
        for (int i = 0; i < in->size; i++) {
            p->v[i / p->cols][i % p->cols] = in->data[i];
            p->s1[i / p->cols][i % p->cols] = is("optimizer", "adagrad") ? number("initial") : 0;
        }
    }
}

static void out_param(const char *kind, int q, double a[IDS][K]) {
    char name[WORD];
    snprintf(name, sizeof name, "%s_%s", kind, names[q]);
    struct Param *p = &par[q];
    out(name, p->ndim ? p->rows : -1, p->ndim == 2 ? p->cols : 0, K, &a[0][0]);
}

/* ---- forward ------------------------------------------------------------------------------------------------- */

static double E[FEATS][K], M[PAIRS][K], Md[PAIRS][K], Z[PAIRS][K], R[PAIRS][K], s[PAIRS], a[PAIRS], ad[PAIRS];
static double sum_e[ROWS][K], sum_e2[ROWS][K], pooled[ROWS][K], pooled_drop[ROWS][K], inter[ROWS], linear[ROWS], y_hat[ROWS];

static double proj(int f) { return fm ? 1 : par[p_].v[f][0]; }
static double dot(const double *u, const double *v, int size) { double z = 0; for (int i = 0; i < size; i++) z += u[i] * v[i]; return z; }

static int weight_of(int q) {                     /* where a pair's field or free weight stands */
    if (par[FIELD].used) {
        int m = (int)number("m"), i = slot[pi[q]], j = slot[pj[q]];
        return i * m - i * (i + 1) / 2 + j - i - 1;
    }
    int i = id[pi[q]] < id[pj[q]] ? id[pi[q]] : id[pj[q]], j = id[pi[q]] + id[pj[q]] - i;
    Tensor *seen = input("free_pairs");
    for (int z = 0; z < seen->dim[0]; z++) if (seen->data[2 * z] == i && seen->data[2 * z + 1] == j) return z;
    return -1;
}

static void attend(void) {
    for (int q = 0; q < P; q++) {
        a[q] = 1;
        if (par[FIELD].used || par[FREE].used) table_at[q] = weight_of(q);
        if (par[FIELD].used) a[q] = par[FIELD].v[table_at[q]][0];
        if (par[FREE].used && table_at[q] >= 0) a[q] = par[FREE].v[table_at[q]][0];
        for (int u = 0; network && u < t; u++) {
            Z[q][u] = par[b_].v[u][0];
            for (int f = 0; f < k; f++) Z[q][u] += par[W_].v[f][u] * Md[q][f];
            R[q][u] = Z[q][u] > 0 ? Z[q][u] : 0;
        }
        s[q] = 0;
        for (int u = 0; network && u < t; u++) s[q] += par[h_].v[u][0] * R[q][u];
    }
    for (int r = 0; r < B && (network || is("attention", "uniform")); r++) {
        double top = -INFINITY, total = 0;
        for (int q = 0; q < P; q++) if (pair_row[q] == r && s[q] > top) top = s[q];
        for (int q = 0; q < P; q++) if (pair_row[q] == r) total += a[q] = exp(s[q] - top);   /* uniform: all s are 0 */
        for (int q = 0; q < P; q++) if (pair_row[q] == r) a[q] /= total;
    }
}

static void forward(void) {
    memset(sum_e, 0, sizeof sum_e); memset(sum_e2, 0, sizeof sum_e2); memset(pooled, 0, sizeof pooled);
    memset(linear, 0, sizeof linear);
    for (int c = 0; c < N; c++) {
        int r = row_of[c];
        linear[r] += par[w_].v[id[c]][0] * x[c];
        for (int f = 0; f < k; f++) {
            E[c][f] = par[V_].v[id[c]][f] * x[c];
            sum_e[r][f] += E[c][f]; sum_e2[r][f] += E[c][f] * E[c][f];
        }
    }
    for (int q = 0; q < P; q++)
        for (int f = 0; f < k; f++) { M[q][f] = E[pi[q]][f] * E[pj[q]][f]; Md[q][f] = M[q][f] * keep("pairs", q, f); }
    if (!fm) attend();
    for (int q = 0; q < P && !fm; q++) {
        ad[q] = a[q] * keep("attn", q, 0);
        for (int f = 0; f < k; f++) pooled[pair_row[q]][f] += ad[q] * Md[q][f];
    }
    for (int r = 0; r < B; r++) {
        inter[r] = 0;
        for (int f = 0; f < k; f++) {
            if (fm) pooled[r][f] = 0.5 * (sum_e[r][f] * sum_e[r][f] - sum_e2[r][f]);
            pooled_drop[r][f] = pooled[r][f] * keep("pooled", r, f);
            inter[r] += proj(f) * pooled_drop[r][f];
        }
        y_hat[r] = par[W0].v[0][0] + linear[r] + inter[r];
    }
}

static void out_forward(void) {
    double i[FEATS], p[ROWS + 1], sl[FEATS], key[PAIRS][K];
    for (int r = 0; r <= B; r++) p[r] = ptr[r];
    for (int c = 0; c < N; c++) { i[c] = id[c]; sl[c] = slot[c]; }
    for (int q = 0; q < P; q++) { key[q][0] = pair_row[q]; key[q][1] = id[pi[q]]; key[q][2] = id[pj[q]]; }
    vector("active_ptr", B + 1, p); vector("active_ids", N, i); vector("active_x", N, x); vector("active_slots", N, sl);
    MATRIX("pair_keys", P, 3, key); vector("linear", B, linear); MATRIX("emb", N, k, E);
    MATRIX("sum_e", B, k, sum_e); MATRIX("sum_e2", B, k, sum_e2); MATRIX("prod", P, k, M); MATRIX("prod_drop", P, k, Md);
    MATRIX("pre", P, t, Z); MATRIX("hid", P, t, R); vector("score", P, s); vector("attn", P, a); vector("attn_drop", P, ad);
    MATRIX("pooled", B, k, pooled); MATRIX("pooled_drop", B, k, pooled_drop);
    vector("inter", B, inter); vector("y_hat", B, y_hat);
}

/* ---- loss ------------------------------------------------------------------------------------------------------- */

static double dy[ROWS];
static double sigmoid(double z) { return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z)); }

static void loss(void) {
    double rows[ROWS], prob[ROWS], data = 0, reg = 0, square = 0, share = is("reduction", "mean") ? B : 1;
    for (int r = 0; r < B; r++) {
        double z = y_hat[r], e = z - y[r];
        square += e * e;
        prob[r] = sigmoid(z);
        if (is("loss", "squared")) { rows[r] = e * e; dy[r] = 2 * e / share; }
        else {
            rows[r] = (z > 0 ? (1 - y[r]) * z : -y[r] * z) + log1p(exp(-fabs(z)));
            dy[r] = (prob[r] - y[r]) / share;
        }
        data += rows[r];
    }
    data /= share;
    for (int q = 0; q < COUNT; q++)                 /* L2 has a weight for w, V and W only */
        for (int i = 0; i < par[q].rows; i++) {
            char lam[WORD];
            snprintf(lam, sizeof lam, "lam_%s", names[q]);
            if (par[q].moves[i]) reg += number(lam) * dot(par[q].v[i], par[q].v[i], par[q].cols);
        }
    vector("loss_rows", B, rows); vector("prob", B, prob); scalar("rmse", sqrt(square / B));
    scalar("loss_data", data); scalar("loss_reg", reg); scalar("loss", data + reg);
}

/* ---- backward: forward's lines in reverse ---------------------------------------------------------------------------- */

static void backward(void) {
    static double dS[ROWS][K], da[PAIRS], ds[PAIRS], dZ[PAIRS][K], dM[PAIRS][K], dE[FEATS][K];
    double mean[ROWS] = {0};
    memset(dE, 0, sizeof dE);
    for (int q = 0; q < COUNT; q++) memset(par[q].g, 0, sizeof par[q].g);
    for (int r = 0; r < B; r++) {
        par[W0].g[0][0] += dy[r];
        for (int f = 0; f < k; f++) {
            par[p_].g[f][0] += dy[r] * pooled_drop[r][f];
            dS[r][f] = dy[r] * proj(f) * keep("pooled", r, f);
        }
    }
    for (int q = 0; q < P && !fm; q++) {
        da[q] = dot(dS[pair_row[q]], Md[q], k) * keep("attn", q, 0);
        mean[pair_row[q]] += a[q] * da[q];
        if (par[FIELD].used) par[FIELD].g[table_at[q]][0] += da[q];
        if (par[FREE].used && table_at[q] >= 0) par[FREE].g[table_at[q]][0] += da[q];
    }
    for (int q = 0; q < P && !fm; q++) {
        int r = pair_row[q];
        ds[q] = a[q] * (da[q] - mean[r]);
        for (int u = 0; network && u < t; u++) {
            dZ[q][u] = Z[q][u] > 0 ? ds[q] * par[h_].v[u][0] : 0;
            par[h_].g[u][0] += ds[q] * R[q][u];
            par[b_].g[u][0] += dZ[q][u];
        }
        for (int f = 0; f < k; f++) {
            double d = ad[q] * dS[r][f];
            for (int u = 0; network && u < t; u++) { d += par[W_].v[f][u] * dZ[q][u]; par[W_].g[f][u] += Md[q][f] * dZ[q][u]; }
            dM[q][f] = d * keep("pairs", q, f);
            dE[pi[q]][f] += dM[q][f] * E[pj[q]][f];
            dE[pj[q]][f] += dM[q][f] * E[pi[q]][f];
        }
    }
    for (int c = 0; c < N; c++) {
        int r = row_of[c];
        par[w_].g[id[c]][0] += dy[r] * x[c];
        for (int f = 0; f < k; f++) {
            if (fm) dE[c][f] = dS[r][f] * (sum_e[r][f] - E[c][f]);
            par[V_].g[id[c]][f] += dE[c][f] * x[c];
        }
    }
    for (int q = 0; q < COUNT; q++) {
        char lam[WORD];
        snprintf(lam, sizeof lam, "lam_%s", names[q]);
        for (int i = 0; i < par[q].rows; i++)
            for (int f = 0; f < par[q].cols; f++) if (par[q].moves[i]) par[q].g[i][f] += 2 * number(lam) * par[q].v[i][f];
        if (par[q].used) out_param("g", q, par[q].g);
    }
    vector("d_y_hat", B, dy); MATRIX("d_pooled", B, k, dS); vector("d_attn", P, da); vector("d_score", P, ds);
    MATRIX("d_pre", P, t, dZ); MATRIX("d_prod", P, k, dM); MATRIX("d_emb", N, k, dE);
}

/* ---- optimizers ------------------------------------------------------------------------------------------------------- */

static void find_moving(void) {                   /* w and V: features of the batch; free: its pairs; the rest always */
    for (int q = 0; q < COUNT; q++)
        for (int i = 0; i < par[q].rows; i++) par[q].moves[i] = q != w_ && q != V_ && q != FREE;
    for (int c = 0; c < N; c++) par[w_].moves[id[c]] = par[V_].moves[id[c]] = true;
    for (int i = 0; i < n && is("scope", "all"); i++) par[w_].moves[i] = par[V_].moves[i] = true;
    for (int q = 0; q < P && par[FREE].used; q++) if (weight_of(q) >= 0) par[FREE].moves[weight_of(q)] = true;
}

static double direction(double g, double *s1, double *s2, int count) {   /* what lr multiplies */
    double b1 = number("beta1"), b2 = number("beta2");
    if (is("optimizer", "sgd")) return *s1 = number("momentum") * *s1 + g;
    if (is("optimizer", "adagrad")) { *s1 += g * g; return g / (sqrt(*s1) + number("eps")); }
    *s1 = b1 * *s1 + (1 - b1) * g;
    *s2 = b2 * *s2 + (1 - b2) * g * g;
    return *s1 / (1 - pow(b1, count)) / (sqrt(*s2 / (1 - pow(b2, count))) + number("eps"));
}

static void update(int count) {
    for (int q = 0; q < COUNT; q++) {
        struct Param *p = &par[q];
        if (!p->used) continue;
        for (int i = 0; i < p->rows; i++)
            for (int f = 0; f < p->cols; f++)
                if (p->moves[i]) p->v[i][f] -= number("lr") * direction(p->g[i][f], &p->s1[i][f], &p->s2[i][f], count);
        out_param(is("optimizer", "sgd") ? "vel" : is("optimizer", "adagrad") ? "acc" : "m1", q, p->s1);
        out_param("m2", q, p->s2);
        out_param("new", q, p->v);
    }
}

int main(int argc, char **argv) {
    printf("kit 1.1\ndtype float64\n");
    for (int arg = 1; arg < argc; arg++) {
        char case_id[WORD] = "";
        FILE *f = fopen(argv[arg], "r");
        if (!f) fail("cannot open a case");
        prefix[0] = 0;
        read_case(f, case_id);
        fclose(f);
        printf("case %s\n", case_id);
        if (is("model", "selftest")) { Tensor *z = input("floats"); vector("echo", z->size, z->data); continue; }
        if (is("model", "rows")) { k = 0; fm = true; read_batch(); out_forward(); continue; }
        n = (int)number("n"); k = (int)number("k"); t = (int)number("t");
        fm = is("model", "fm"); network = is("attention", "network");
        if (n > IDS || k > K || t > K) fail("case too large");
        read_params();
        int steps = (int)number("steps");
        for (int step = 0; step < steps; step++) {
            if (steps > 1) snprintf(prefix, sizeof prefix, "s%d/", step % 100);
            read_batch(); find_moving(); forward(); out_forward(); loss(); backward();
            if (setting("optimizer")) update(step + 1);
        }
    }
    printf("end\n");
    return 0;
}
