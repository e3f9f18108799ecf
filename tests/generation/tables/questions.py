"""Tables as an office has them, a hundred questions over them, and what is no question
for their rows. The answers were worked out by hand."""

from __future__ import annotations

SUPPLIERS = """\
Supplier,City,Country,Supplies,Contract until,Contact,Employees
Hansen Guss,Kiel,Germany,Housings,2027-06-30,Ole Hansen,140
Metallbau Krug,Leipzig,Germany,"Shafts, flanges",2026-12-31,Petra Krug,85
Sealtech,Rotterdam,Netherlands,Seals,2028-03-31,Daan de Vries,60
Volta Motors,Turin,Italy,Motors,2026-09-30,Giulia Conti,410
Nordkabel,Gothenburg,Sweden,Cables,2027-01-31,Eva Lind,95
Fil Rouge,Lyon,France,"Cables, plugs",2026-12-31,Luc Moreau,38
Adria Foundry,Trieste,Italy,Housings,2029-05-31,Marco Rossi,220
"""

INVOICES = """\
Invoice,Customer,Date,Amount,Status,Paid on
2026-001,Alder & Co,2026-01-12,"€1,200.00",paid,2026-02-01
2026-002,Birch Ltd,2026-01-28,€310.50,paid,2026-02-20
2026-003,Alder & Co,2026-02-03,"€2,480.00",open,
2026-004,Cedar AG,2026-02-17,€95.00,paid,2026-03-02
2026-005,Birch Ltd,2026-03-05,"€1,750.25",overdue,
2026-006,Dogwood SA,2026-03-29,"€4,020.00",open,
2026-007,Alder & Co,2026-04-11,€640.00,cancelled,
2026-008,Elm GmbH,2026-05-02,€220.25,paid,2026-05-30
"""

PUMPS = """\
Model,Flow (l/min),Head (m),Weight,Price,Year
Alpha 1,80,24,14.2 kg,790 €,2016
Alpha 2,100,28,16.9 kg,940 €,2020
Alpha 3,120,32,18.5 kg,1190 €,2026
Beta 5,260,41,39.0 kg,2450 €,2019
Beta 7,310,55,52.3 kg,3300 €,2023
Gamma 1,35,18,6.1 kg,410 €,2021
"""

TICKETS = """\
Ticket,Title,Department,Priority,Assignee,Opened,Hours
T-101,Printer is jammed,Sales,low,Maria Lopez,3 May 2026,1.5
T-102,No access to the VPN,Sales,high,Tom Becker,4 May 2026,2
T-103,New laptop,People,medium,Maria Lopez,11 May 2026,3
T-104,Mail is slow,Finance,high,Aiko Tanaka,19 May 2026,6.5
T-105,Screen flickers,Finance,low,Tom Becker,2 June 2026,0.5
T-106,Reset of a password,Sales,medium,Maria Lopez,9 June 2026,0.5
T-107,Server room is hot,Operations,high,Aiko Tanaka,30 June 2026,8
"""

ALLOWANCES = """\
Country,Full day,Half day
Germany,28 euros,14 euros
France,39 euros,20 euros
Switzerland,64 euros,32 euros
United Kingdom,45 euros,23 euros
"""

# Name of the file: the table, and questions with the cells or the number they come to.
ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "Suppliers.csv": (
        SUPPLIERS,
        {
            "How many suppliers are there?": "7",
            "How many suppliers do we have?": "7",
            "What is the number of suppliers?": "7",
            "Count the suppliers": "7",
            "How many suppliers are in Germany?": "2",
            "How many suppliers are from Italy?": "2",
            "How many suppliers are in Italy or France?": "3",
            "How many different countries are there?": "5",
            "How many suppliers have more than 100 employees?": "3",
            "How many suppliers have at most 85 employees?": "3",
            "How many contracts end in 2026?": "3",
            "How many contracts end before 2027?": "3",
            "How many contracts expire after June 2027?": "2",
            "How many suppliers have contracts that end in December 2026?": "2",
            "List all suppliers": "Hansen Guss|Metallbau Krug|Sealtech|Volta Motors|"
            "Nordkabel|Fil Rouge|Adria Foundry",
            "Please list the suppliers in Italy": "Volta Motors|Adria Foundry",
            "Which suppliers are in Germany?": "Hansen Guss|Metallbau Krug",
            "Which suppliers supply housings?": "Hansen Guss|Adria Foundry",
            "Which suppliers supply cables?": "Nordkabel|Fil Rouge",
            "Which suppliers have fewer than 90 employees?": "Metallbau Krug|Sealtech|"
            "Fil Rouge",
            "Which suppliers have contracts that end in 2026?": "Metallbau Krug|"
            "Volta Motors|Fil Rouge",
            "Which contracts expire after 2027?": "Sealtech|Adria Foundry",
            "Which contract ends first?": "Volta Motors",
            "Which supplier's contract ends last?": "Adria Foundry",
            "Which supplier has the most employees?": "Volta Motors",
            "Which supplier has the fewest employees?": "Fil Rouge",
            "Which supplier in Germany has the most employees?": "Hansen Guss",
            "What is the total of the employees?": "1,048",
            "Who is the contact at Sealtech?": "Daan de Vries",
            "What is the contact of Nordkabel?": "Eva Lind",
            "How many employees does Sealtech have?": "60",
            "When does the contract with Volta Motors end?": "2026-09-30",
            "Until when does the contract with Metallbau Krug run?": "2026-12-31",
            "Where is Fil Rouge based?": "Lyon",
            "In which city is Nordkabel?": "Gothenburg",
            "What does Volta Motors supply?": "Motors",
        },
    ),
    "Invoices 2026.csv": (
        INVOICES,
        {
            "How many invoices are there?": "8",
            "How many invoices are open?": "2",
            "How many open invoices are there?": "2",
            "How many invoices are paid?": "4",
            "How many paid invoices does Birch Ltd have?": "1",
            "How many different customers are there?": "5",
            "How many invoices have an amount of more than 1000?": "4",
            "How many invoices have an amount below 300?": "2",
            "Which invoices are overdue?": "2026-005",
            "List the open invoices": "2026-003|2026-006",
            "Which customers have open invoices?": "Alder & Co|Dogwood SA",
            "What is the total amount?": "10,716 €",
            "What is the total amount of open invoices?": "6,500 €",
            "What is the sum of the amounts of Alder & Co?": "4,320 €",
            "What is the average amount of paid invoices?": "456.4375 €",
            "What is the highest amount?": "€4,020.00",
            "Which invoice has the highest amount?": "2026-006",
            "Which invoice has the lowest amount?": "2026-004",
            "What is the status of invoice 2026-005?": "overdue",
        },
    ),
    "Pumps.csv": (
        PUMPS,
        {
            "How many pumps are there?": "6",
            "How many models are there?": "6",
            "How many pumps have a flow over 100 l/min?": "3",
            "How many models cost more than 1000?": "3",
            "How many pumps weigh less than 15 kg?": "2",
            "How many pumps are from 2020?": "1",
            "Which models have a price under 900?": "Alpha 1|Gamma 1",
            "Which pump has the highest price?": "Beta 7",
            "Which model has the lowest weight?": "Gamma 1",
            "Which model has the highest weight?": "Beta 7",
            "What is the price of the Alpha 3?": "1190 €",
            "What is the weight of the Beta 5?": "39.0 kg",
            "How much does the Gamma 1 cost?": "410 €",
            "How much does the Alpha 2 weigh?": "16.9 kg",
            "What is the average price?": "1,513.3333 €",
            "What is the average weight of the pumps?": "24.5 kg",
            "What is the highest price?": "3300 €",
            "Which models are since 2021?": "Alpha 3|Beta 7|Gamma 1",
            "List all models": "Alpha 1|Alpha 2|Alpha 3|Beta 5|Beta 7|Gamma 1",
        },
    ),
    "Tickets.csv": (
        TICKETS,
        {
            "How many tickets are there?": "7",
            "How many tickets have high priority?": "3",
            "How many high priority tickets are there?": "3",
            "How many tickets are from Sales?": "3",
            "How many tickets does Maria Lopez have?": "3",
            "How many tickets were opened in May 2026?": "4",
            "How many tickets were opened after 1 June 2026?": "3",
            "How many tickets were opened before 11 May 2026?": "2",
            "How many departments are there?": "4",
            "How many different assignees are there?": "3",
            "Which tickets are of high priority?": "T-102|T-104|T-107",
            "Which tickets were opened in June 2026?": "T-105|T-106|T-107",
            "Which tickets have more than 5 hours?": "T-104|T-107",
            "List the tickets of Finance": "T-104|T-105",
            "What is the total of the hours?": "22",
            "What is the sum of the hours of Sales?": "4",
            "What is the average of the hours of Finance?": "3.5",
            "Which ticket has the most hours?": "T-107",
            "Which ticket was opened last?": "T-107",
            "Which ticket was opened first?": "T-101",
            "Who is the assignee of T-104?": "Aiko Tanaka",
        },
    ),
    "Travel rules.md": (
        ALLOWANCES,
        {
            "What is the half day rule in Germany?": "14 euros",
            "How much is a half day in France?": "20 euros",
            "What is the full day for the United Kingdom?": "45 euros",
            "Which country has the highest full day?": "Switzerland",
            "How many countries are there?": "4",
            "How many countries have a full day of more than 40 euros?": "2",
            "Which countries have a half day under 25 euros?": "Germany|France|"
            "United Kingdom",
        },
    ),
}  # fmt: skip

# What the rows of these tables do not tell for sure.
NOT_TOLD: dict[str, tuple[str, ...]] = {
    "Suppliers.csv": (
        "How many suppliers are not in Kiel?",
        "How many suppliers deliver within a week?",
        "How many suppliers are in Spain?",
        "How many employees do the suppliers have on average in Italy without Turin?",
        "How many supplies does Fil Rouge have?",
        "How many cables does Nordkabel deliver?",
        "Which supplier is the largest?",
        "Which suppliers are the best?",
        "Why does the contract with Sealtech end in 2028?",
        "Is Sealtech in Rotterdam?",
        "How many contracts were signed in 2026?",
        "How many contracts end after 2026 and before 2028?",
        "What is the contract number of Sealtech?",
        "Who is the contact at Hansen?  And who at Krug?",
        "When was Sealtech founded?",
        "How many people work at Sealtech and Nordkabel combined?",
        "List all suppliers except Sealtech",
        "What is the total of the contracts?",
        "Who is the director of Sealtech?",
        "How many contracts end in 2026? (asked before: How many suppliers are there?)",
    ),
    "Invoices 2026.csv": (
        "How many invoices were paid in February 2026?",
        "How many invoices were sent to Alder & Co?",
        "How many invoices have an amount over 10 %?",
        "What is the total of the invoices?",
        "Which invoice is the oldest?",
    ),
    "Pumps.csv": (
        "What is the price of the Alpha 4?",
        "Which pump is the best?",
        "How many pumps were sold in 2026?",
        "What is the price of the Alpha?",
        "How many pumps have a weight below 20 litres?",
    ),
    "Tickets.csv": (
        "How many hours does a ticket take?",
        "How many tickets were closed in May 2026?",
        "How many tickets does Bob have?",
        "Which tickets are urgent?",
    ),
}
