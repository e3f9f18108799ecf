"""Tables of which a question may be understood otherwise than it is meant."""

from __future__ import annotations

# The name of the file, the table, what is told right, and what is left.
TRAPS: tuple[tuple[str, str, dict[str, str], tuple[str, ...]], ...] = (
    (
        "Tasks.csv",
        (
            "Task,Owner,Status,Start,End,Hours\nKickoff,Anna,done,2026-01-05,2026-01-06,4\n"
            "Design,Ben,done,2026-01-07,2026-02-20,60\nBuild,Anna,open,2026-02-01,2026-05-29,"
            "120\nTest,Cleo,open,2026-06-01,2026-06-30,30\n"
        ),
        {
            "Which tasks are done?": "Kickoff|Design",
            "When does Build end?": "2026-05-29",
        },
        (
            "Which tasks are to be done?",
            "Which tasks have to be done?",
            "Which tasks can be done?",
            "How many open tasks do I have?",
            "List my tasks",
            "Which tasks are of Ben or open?",
            "Which owner has the most hours?",
            "Who has the most hours?",
            "Which 2 tasks have the most hours?",
            "Which tasks start from January 2026 to June 2026?",
            "Which tasks start from February 2026 on?",
            "How many tasks are there in 2026?",
            "Which task is the latest?",
        ),
    ),
    (
        "Staff.csv",
        (
            "Name,Team,City,Languages,Active,Hired,Salary\n"
            'Anna Berg,Sales,Kiel,"English, French",yes,2019-03-01,"52,000"\n'
            'Ben Ott,IT,Kiel,"German, French",no,2021-07-15,"48,500"\n'
            'Carl Voss,Sales EMEA,Bonn,German,yes,2010-01-01,"91,000"\n'
        ),
        {
            "How many people work in IT?": "1",
            "How many people have a salary of at least 48,500?": "3",
            "Who has the highest salary?": "Carl Voss",
            "Who works in IT?": "Ben Ott",
        },
        (
            "How many people work in it?",
            "Which people have English and German?",
            "How many people are in Sales?",
            "How many active people are there?",
            "List the active people",
            "How many people did we have in 2020?",
            "Who is the oldest employee?",
            "How many people over 40 have a salary?",
            "How many people have a salary over $50,000?",
            "Who is Anna Berg?",
        ),
    ),
    (
        "Orders per month and week.csv",
        "Order,Amount,Date\nA1,1.5,2026-01-02\nA2,2.5,2026-02-03\n",
        {"How many orders are there?": "2", "What is the total amount?": "4"},
        (
            "How many orders are there this month?",
            "What is the total amount this year?",
            "How many orders per month?",
            "How many months are there?",
        ),
    ),
    (
        "Stock of laptops.csv",
        "Model,Quantity,Price\nThinkPad,12,1.2K\nMacBook,5,900\nXPS,0,1M\n",
        {"What is the quantity of the XPS?": "0", "What is the total quantity?": "17"},
        (
            "How many laptops do we have?",
            "How many models are in stock?",
            "What is the highest price?",
            "Which models have a price over 1000?",
        ),
    ),
    (
        "Budget.csv",
        (
            "Department,Q1,Owner,Manager\nSales,10,Ada,Ben\nIT,20,Ben,Ada\nMarketing total,"
            "30,,\n"
        ),
        {"Who is the owner of IT?": "Ben"},
        (
            "What is the total of Q1?",
            "How many departments are there?",
            "What is the Q1 of the manager of Ben?",
        ),
    ),
    (
        "Umsatz.csv",
        "Abteilung,Q1,Umsatz\nVertrieb,10,30\nIT,5,10\nEinkauf,1,3\nInsgesamt,16,43\n",
        {"What is the Q1 of the IT?": "5"},
        (
            "What is the total of Q1?",
            "What is the average Q1?",
            "Which Abteilung has the highest Umsatz?",
        ),
    ),
    (
        # Only one of the columns adds up, by chance.
        "Depots.csv",
        "Depot,Trucks,Drivers\nKiel,1,4\nBonn,2,4\nUlm,3,5\n",
        {"What is the total of the trucks?": "6"},
        (),
    ),
    (
        "Outages.csv",
        (
            "Outage,Downtime (min),Value EUR,Price (net),Price (gross),Leave days\n"
            "Hera,45,10,1,2,3\nZeus,30,20,1,2,3\n"
        ),
        {
            "What is the total downtime?": "75",
            "What is the average value?": "15",
            "Which outages have a downtime of more than 40?": "Hera",
            "Which outage has the largest downtime?": "Hera",
        },
        ("What is the total price?", "What is the total leave?"),
    ),
    (
        "Sales.csv",
        "Region,City,Sales\nNorth,Kiel,10\n,Ulm,50\nSouth,Bonn,20\n",
        {"What is the sales of Ulm?": "50"},
        ("How many cities are in North?", "What is the total sales of North?"),
    ),
    (
        "Products.csv",
        "Product,Price,Shipping cost\nLaptop bag,40 €,5 €\nDesk,120 €,30 €\n",
        {"How much does the Desk cost?": "120 €"},
        (
            "What is the price of the Laptop?",
            "What is the total price in $?",
        ),
    ),
    (
        "Trains.csv",
        "Train,Departure,Destination\nICE 1,Berlin,Munich\nICE 2,Munich,Hamburg\n",
        {"Which trains have the destination Munich?": "ICE 1"},
        ("Which trains are from Hamburg?", "Which trains are from Munich?"),
    ),
    (
        "Phones.csv",
        "Name,Phone\nAnna Berg,555-0101\nBen Ott,555-0102\n",
        {"What is the phone of Ben Ott?": "555-0102"},
        ("Where does Ben Ott live?", "How is Ben Ott?", "What is the total phone?"),
    ),
    (
        "Weights.csv",
        'Item,Weight\nBolt,"0,250 kg"\nNut,"1,500 kg"\n',
        {"What is the total weight?": "1.75 kg"},
        ("Which items have a weight of more than 1.200 kg?",),
    ),
    (
        "Weather.csv",
        "City,Temperature,Version\nOslo,-5 °C,1.9\nKiel,5 °C,1.10\n",
        {"Which city has the lowest temperature?": "Oslo"},
        (
            "Which city has a temperature of -5?",
            "Which city has the highest version?",
        ),
    ),
    (
        "Projects.csv",
        "Project name,City,Employees\nHera,Kiel,3\nZeus,Bonn,8\n",
        {"How many projects are there?": "2"},
        ("How many people work in Kiel?", "Which project runs until 2027?"),
    ),
    (
        "Project plan.csv",
        "Task,Until\nHera,9999-12-31\nZeus,2026-12-31\n",
        {"How many tasks end after 2026?": "1"},
        ("How many plans are there?",),
    ),
    (
        "Shifts.csv",
        "Day,Early,Night\nMonday,Ada,Ben\nTuesday,Ben,Cem\nWednesday,Ada,Ben\n",
        {"How many days are there?": "3"},
        ("How many night shifts are there?",),
    ),
    (
        "Items.csv",
        "Item,Cost center,Email address\nLaptop,4711,a@x.de\nDesk,4800,b@x.de\n",
        {"What is the cost center of the Desk?": "4800"},
        (
            "How much does the Laptop cost?",
            "Which item has the highest cost?",
            "What is the address of the Desk?",
        ),
    ),
    (
        "Former employees.csv",
        "Employee,Team,Birth town\nAda,Sales,Kiel\nBen,IT,Bonn\n",
        {"How many former employees are there?": "2"},
        (
            "How many employees do we have?",
            "List all employees",
            "In which town does Ben live?",
        ),
    ),
    (
        "Suppliers in Europe.csv",
        "Supplier,Country\nHansen,Germany\nVolta,Italy\n",
        {"What is the country of Volta?": "Italy"},
        ("How many suppliers do we have?",),
    ),
    (
        "Payments.csv",
        (
            "Payment,Amount,Currency,Type,Balance\nP1,10,EUR,income,10\n"
            "P2,5,USD,expense,5\n"
        ),
        {"How many payments are there?": "2"},
        (
            "What is the total amount?",
            "What is the highest amount?",
            "What is the total balance?",
        ),
    ),
    (
        "Machines.csv",
        (
            "Machine,Hall,Status\nMill 1,North,running\nMill 2,North,broken\n"
            "Press,South,running\n"
        ),
        {"Which machines are running?": "Mill 1|Press"},
        (
            "How many machines work?",
            "Which machines are working?",
            "How many machines run?",
        ),
    ),
    (
        "Contracts.csv",
        "Contract,End date\nC1,2026-03-01\nC2,2027-05-01\n",
        {"Which contract ends first?": "C1", "How many contracts end in 2026?": "1"},
        (
            "How many contracts are from 2026?",
            "Which contract is the newest?",
            "Which contract is the latest?",
        ),
    ),
    (
        "Tools.csv",
        "Tool,Category,Systems\nOTRS,Support,Linux\nJira,Tracking,Linux\n",
        {"Which tools have the category support?": "OTRS"},
        (
            "Which tools support Linux?",
            "How many tools support the Linux?",
            "Which tools support a Linux?",
        ),
    ),
    (
        "Staff list.csv",
        "Employee,Manager,City\nAda,Carl,Kiel\nBen,Carl,Bonn\nCem,-,Kiel\n",
        {"Who is the manager of Ada?": "Carl", "How many employees are in Kiel?": "2"},
        (
            "Which managers are in Kiel?",
            "Who is the manager of Bonn?",
            "Who is the manager of Cem?",
        ),
    ),
    (
        "Risks.csv",
        "Risk,Likelihood,Impact\nFire,low,high\nFlood,medium,high\nTheft,high,medium\n",
        {"Which risks have a low likelihood?": "Fire"},
        ("Which risks are low?", "Which risks are high?"),
    ),
    (
        "Cities.csv",
        "City,Population,Teams\nNew York,8000000,IT\nKansas City,500000,it\n",
        {"What is the population of Kansas City?": "500000"},
        (
            "What is the population of York?",
            "What is the population of Kansas?",
            "How many teams are there?",
        ),
    ),
    (
        "Jobs.csv",
        "Job,Owner,Status\nOne,Anna,done\nTwo,Anna,open\nThree,Ben,open\n",
        {"How many jobs are of Anna or Ben?": "3"},
        ("How many jobs are of Anna or open?", "How many jobs are open or of Anna?"),
    ),
    (
        "Laptops.csv",
        "Model,Quantity,Active\nThinkPad,12,yes\nMacBook,5,no\n",
        {"What is the quantity of the MacBook?": "5"},
        ("How many laptops do we have?", "How many active are there?"),
    ),
    (
        "Account.csv",
        "Date,Amount,Balance\n2026-01-02,10,10\n2026-01-03,5,15\n",
        {"What is the total amount?": "15", "What is the highest balance?": "15"},
        ("What is the total balance?",),
    ),
    (
        "Order.csv",
        "Item,Qty,Price\nInk,2,19.90\nPen,10,1.50\n",
        {"What is the price of the Pen?": "1.50"},
        ("What is the total price?", "What is the sum of the prices?"),
    ),
    (
        "Parts.csv",
        "Part,Price\nBolt,3 €\nNut,4 $\nGear,9 €\n",
        {"What is the price of the Nut?": "4 $"},
        ("Which parts have a price over 3?", "How many parts have a price over 3?"),
    ),
    (
        "Flights.csv",
        "Flight,Departure,Destination\nF1,Berlin,Oslo\nF2,Kiel,Rome\n",
        {"How many flights have the destination Rome?": "1"},
        ("Which flights are from Rome?", "How many flights are from Oslo?"),
    ),
    (
        "People.csv",
        "Name,Manager,Salary\nAda,Ben,10\nBen,Cem,20\nCem,,30\n",
        {"Who is the manager of Ada?": "Ben"},
        (
            "What is the salary of Ada's manager?",
            "What is the salary of Ben's manager?",
            "How many people have Ben's manager?",
        ),
    ),
    (
        "Attendance.csv",
        "Name,Date,Status\nAda,2026-03-03,leave\nBen,2026-03-03,present\n",
        {"Who is on leave?": "Ada", "Who is present on 3 March 2026?": "Ben"},
        ("Who leaves on 3 March 2026?", "Who presents on 2026-03-03?"),
    ),
)
