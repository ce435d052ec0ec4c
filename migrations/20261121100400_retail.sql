-- Things sold over the counter, and bills to pay.
create table products (
    id uuid constraint products_pkey primary key,
    name text not null constraint products_name_length check (char_length(name) between 1 and 100),
    native_name text,
    category text,
    tax_rate_id uuid constraint products_tax_rate_fkey references tax_rates (id),
    -- Warns from this many left; null never.
    low_stock_at int constraint products_low_stock_range check (low_stock_at between 0 and 1000000),
    created_at timestamptz not null,
    archived_at timestamptz
);
create unique index products_name_key on products (lower(name)) where archived_at is null;

create table product_barcodes (
    code text constraint product_barcodes_pkey primary key constraint product_barcodes_code_length check (char_length(code) between 3 and 64),
    product_id uuid not null constraint product_barcodes_product_fkey references products (id)
);
create index product_barcodes_product_idx on product_barcodes (product_id);

create table product_prices (
    id uuid constraint product_prices_pkey primary key,
    product_id uuid not null constraint product_prices_product_fkey references products (id),
    branch_id uuid constraint product_prices_branch_fkey references branches (id),
    valid daterange not null constraint product_prices_valid_not_empty check (not isempty(valid)),
    amount bigint not null constraint product_prices_amount_range check (amount between 0 and 9007199254740991),
    currency text not null,
    created_at timestamptz not null,
    -- A product has one price per branch and day.
    constraint product_prices_no_overlap exclude using gist
        (product_id with =, (coalesce(branch_id, '00000000-0000-0000-0000-000000000000'::uuid)) with =, valid with &&)
);

create table stock_movements (
    id uuid constraint stock_movements_pkey primary key,
    branch_id uuid not null constraint stock_movements_branch_fkey references branches (id),
    product_id uuid not null constraint stock_movements_product_fkey references products (id),
    kind text not null constraint stock_movements_kind_known check (kind in ('delivery', 'sale', 'return', 'count', 'waste')),
    quantity int not null constraint stock_movements_quantity_not_zero check (quantity <> 0),
    transaction_id uuid constraint stock_movements_transaction_fkey references ledger_transactions (id),
    note text,
    at timestamptz not null,
    business_day date not null,
    account_id uuid
);
create index stock_movements_product_idx on stock_movements (product_id, branch_id) include (quantity);

alter table charges add constraint charges_product_fkey foreign key (product_id) references products (id);

create table expenses (
    id uuid constraint expenses_pkey primary key,
    branch_id uuid not null constraint expenses_branch_fkey references branches (id),
    category text not null,
    supplier text,
    description text not null,
    amount bigint not null constraint expenses_amount_positive check (amount > 0 and amount <= 9007199254740991),
    tax_amount bigint not null default 0 constraint expenses_tax_within check (tax_amount between 0 and amount),
    currency text not null,
    incurred_on date not null,
    due_on date,
    file_id uuid constraint expenses_file_fkey references files (id),
    at timestamptz not null,
    account_id uuid
);
create index expenses_day_idx on expenses (branch_id, incurred_on);
create table expense_decisions (
    expense_id uuid constraint expense_decisions_pkey primary key constraint expense_decisions_expense_fkey references expenses (id),
    decision text not null constraint expense_decisions_known check (decision in ('approved', 'rejected')),
    reason text,
    at timestamptz not null,
    account_id uuid
);
create table expense_payments (
    -- A bill is paid once.
    expense_id uuid constraint expense_payments_pkey primary key constraint expense_payments_expense_fkey references expenses (id),
    transaction_id uuid not null constraint expense_payments_transaction_fkey references ledger_transactions (id),
    method text not null constraint expense_payments_method_known check (method in ('cash', 'bank_transfer')),
    shift_id uuid constraint expense_payments_shift_fkey references till_shifts (id),
    reference text
);
create index expense_payments_shift_idx on expense_payments (shift_id);
